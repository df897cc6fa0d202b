//! Posts into the timelines of many, beside a pipeline that writes into as many
//! keys and trims them.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cache::{keys, redis};
use domain::PostId;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use super::scene::Scene;
use crate::{
    load::count,
    people::Person,
    program::Program,
    report::{Report, Round},
};

pub(super) const MANY: &str = "fan-out to all followers, writes";
pub(super) const SOME: &str = "fan-out to a tenth of them, writes";
pub(super) const BARE_MANY: &str = "bare ZADD and trim, all keys";
pub(super) const BARE_SOME: &str = "bare ZADD and trim, a tenth of them";
/// Posts of which the writes are counted.
const BURST: usize = 5;
/// How long a post may take to everybody.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// Timelines that are looked at before all are.
const SAMPLE: usize = 20;
/// Commands of a pipeline.
const CHUNK: usize = 1_000;
/// Posts that a timeline keeps.
const LENGTH: isize = 800;

/// Adds to `report` how long one post takes to everybody, and how many
/// timelines are written in a second when several are posted at once.
pub(super) async fn measure(
    scene: &Scene<'_>,
    worker: &Program,
    report: &mut Report,
) -> anyhow::Result<()> {
    scene.read_feeds(&scene.followers).await?;
    copy_timelines(scene).await?;
    let [most, many] = &scene.popular;
    let tenth = scene.followers.get(..scene.followers.len() / 10);
    let tenth = tenth.context("too few followers")?;
    for _ in 0..scene.options.rounds {
        for (author, followers, subject, baseline) in [
            (most, scene.followers.as_slice(), MANY, BARE_MANY),
            (many, tenth, SOME, BARE_SOME),
        ] {
            let post = scene.publish(author).await?;
            let published = Instant::now();
            arrived(scene, followers, post).await?;
            let millis = published.elapsed().as_secs_f64() * 1000.0;
            report.add_fact(&format!("ms until all {} have it", followers.len()), millis);

            let write = async {
                for _ in 0..BURST {
                    write_bare(scene, followers.len()).await?;
                }
                Ok(())
            };
            let round = timed(scene, worker, followers, write).await?;
            report.add(baseline, round)?;
            let fan_out = async {
                let publish = (0..BURST).map(|_| scene.publish(author));
                for post in try_join_all(publish).await? {
                    arrived(scene, followers, post).await?;
                }
                Ok(())
            };
            let round = timed(scene, worker, followers, fan_out).await?;
            report.add(subject, round)?;
        }
    }
    scene.forget("bare:timeline:*").await
}

/// Of `write`, which writes a burst into the timelines of `followers`.
async fn timed(
    scene: &Scene<'_>,
    worker: &Program,
    followers: &[Person],
    write: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Round> {
    let before = scene.usage(worker)?;
    let started = Instant::now();
    write.await?;
    let operations = BURST * followers.len();
    Ok(Round {
        operations,
        rate: count(operations) / started.elapsed().as_secs_f64(),
        latency: None,
        usage: scene.usage(worker)?.since(&before),
    })
}

/// Waits until the timelines of all `followers` have `post`.
pub(super) async fn arrived(
    scene: &Scene<'_>,
    followers: &[Person],
    post: PostId,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let step = (followers.len() / SAMPLE).max(1);
    let sample: Vec<&Person> = followers.iter().rev().step_by(step).collect();
    let all: Vec<&Person> = followers.iter().collect();
    while !have(scene, &sample, post).await? || !have(scene, &all, post).await? {
        ensure!(Instant::now() < deadline, "the post does not arrive");
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn have(scene: &Scene<'_>, followers: &[&Person], post: PostId) -> anyhow::Result<bool> {
    let mut connection = scene.cache.own().await?;
    for some in followers.chunks(CHUNK) {
        let mut pipeline = redis::pipe();
        for follower in some {
            let key = keys::timeline(follower.id);
            pipeline
                .cmd("ZSCORE")
                .arg(key)
                .arg(post.oid().bytes().as_slice());
        }
        let scores: Vec<Option<f64>> = pipeline.query_async(&mut connection).await?;
        if scores.contains(&None) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives the baseline timelines like the real ones.
async fn copy_timelines(scene: &Scene<'_>) -> anyhow::Result<()> {
    let mut connection = scene.cache.own().await?;
    let numbered: Vec<_> = scene.followers.iter().enumerate().collect();
    for some in numbered.chunks(CHUNK) {
        let mut pipeline = redis::pipe();
        for (n, follower) in some {
            let copy = pipeline.cmd("COPY").arg(keys::timeline(follower.id));
            copy.arg(bare_key(*n)).arg("REPLACE");
        }
        let copied: Vec<bool> = pipeline.query_async(&mut connection).await?;
        ensure!(!copied.contains(&false), "somebody has no timeline");
    }
    Ok(())
}

async fn write_bare(scene: &Scene<'_>, timelines: usize) -> anyhow::Result<()> {
    let mut connection = scene.cache.own().await?;
    let post = PostId::generate();
    let score = -post.oid().timestamp().timestamp_millis();
    for some in (0..timelines).collect::<Vec<_>>().chunks(CHUNK) {
        let mut pipeline = redis::pipe();
        for n in some {
            let key = bare_key(*n);
            let add = pipeline.cmd("ZADD").arg(&key).arg(score);
            add.arg(post.oid().bytes().as_slice()).ignore();
            pipeline.zremrangebyrank(&key, LENGTH, -1).ignore();
        }
        pipeline.exec_async(&mut connection).await?;
    }
    Ok(())
}

fn bare_key(n: usize) -> String {
    format!("bare:timeline:{n}")
}
