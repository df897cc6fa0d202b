//! How long the post of somebody with few followers takes to them: alone, and
//! while posts of somebody with many are under way.

use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::time::sleep;

use super::{fan_out::arrived, scene::Scene};
use crate::{
    load::Timing,
    program::Program,
    report::{Report, Round},
};

/// Of a thousand.
const MEDIAN: usize = 500;
const ALONE: &str = "an ordinary author's post, to 20 followers";
const MEANWHILE: &str = "the same while posts to all followers are under way";
/// Posts of a round.
const POSTS: usize = 40;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(25);

/// Adds to `report` how long posts take from the answer to the author until
/// every follower's timeline has them.
pub(super) async fn measure(
    scene: &Scene<'_>,
    worker: &Program,
    report: &mut Report,
) -> anyhow::Result<()> {
    for _ in 0..scene.options.rounds {
        let before = scene.usage(worker)?;
        let alone = post(scene).await?;
        let used = scene.usage(worker)?.since(&before);
        report.add(ALONE, Round::timed(&alone, used))?;

        let before = scene.usage(worker)?;
        let meanwhile = tokio::select! {
            timing = post(scene) => timing?,
            stopped = post_to_all(scene) => match stopped? {},
        };
        let used = scene.usage(worker)?.since(&before);
        report.add(MEANWHILE, Round::timed(&meanwhile, used))?;
        let [alone, meanwhile] = [alone, meanwhile].map(|timing| timing.quantile(MEDIAN));
        let growth = meanwhile.as_secs_f64() / alone.as_secs_f64();
        report.add_fact("lag of ordinary authors, median meanwhile : alone", growth);
    }
    Ok(())
}

async fn post(scene: &Scene<'_>) -> anyhow::Result<Timing> {
    let (author, followers) = &scene.quiet;
    let Some(followers) = scene.followers.get(..*followers) else {
        bail!("too few followers");
    };
    let began = Instant::now();
    let mut latencies = Vec::new();
    for _ in 0..POSTS {
        let post = scene.publish(author).await?;
        let posted = Instant::now();
        arrived(scene, followers, post).await?;
        latencies.push(posted.elapsed());
        sleep(PAUSE).await;
    }
    Ok(Timing::new(began.elapsed(), latencies))
}

async fn post_to_all(scene: &Scene<'_>) -> anyhow::Result<std::convert::Infallible> {
    let [most, _] = &scene.popular;
    loop {
        let post = scene.publish(most).await?;
        arrived(scene, &scene.followers, post).await?;
    }
}
