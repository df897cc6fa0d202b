use std::time::{Duration, Instant};

use testkit::eventually;
use tokio::{task::JoinHandle, time::timeout};

use super::rig::{Point, Rig, Steps, Victim};

/// Long enough for an operation to come to any of its steps.
const ARRIVAL: Duration = Duration::from_secs(15);
/// A client that tries again after a kill has its answer within this: the
/// documents that the dead had locked are free after two seconds.
const RECOVERY: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(30);

/// Something that a person does.
pub(super) trait Story {
    /// Those who take part in it once, and what they need.
    type Cast: Clone + Send + 'static;

    /// What there is before.
    async fn prepare(rig: &Rig) -> Self::Cast;

    /// One attempt, or a repetition of it; whether it was acknowledged.
    fn act(cast: Self::Cast) -> impl Future<Output = bool> + Send + 'static;

    /// Makes sure of what there is after a kill at `point`, counters aside.
    async fn check(rig: &Rig, cast: &Self::Cast, point: &str);
}

/// Does it once undisturbed to learn its steps, and then again and again, each
/// time with one of the services killed at another of them.
pub(super) async fn survives<S: Story>(_: S) {
    let mut rig = Rig::start().await;
    // Once for what is done only the first time.
    let warm = S::prepare(&rig).await;
    assert!(S::act(warm).await);
    let steps = steps::<S>(&rig).await;
    assert!(steps.iter().any(Steps::have_a_commit));
    for (victim, steps) in steps.into_iter().enumerate() {
        if !steps.of_request.is_empty() {
            kill_requests::<S>(&mut rig, victim, &steps.of_request).await;
        }
        for point in &steps.behind {
            kill_behind::<S>(&mut rig, victim, point).await;
        }
    }
    rig.settled("in the end").await;
}

async fn steps<S: Story>(rig: &Rig) -> [Steps; 2] {
    let cast = S::prepare(rig).await;
    rig.settled("before the recording").await;
    eventually(SOON, async || rig.victims.iter().all(Victim::is_done)).await;
    for victim in &rig.victims {
        victim.forget();
    }
    assert!(S::act(cast.clone()).await);
    let answered = Instant::now();
    rig.settled("undisturbed").await;
    eventually(SOON, async || rig.victims.iter().all(Victim::is_done)).await;
    let steps = rig.victims.each_ref().map(|victim| victim.steps(answered));
    S::check(rig, &cast, "undisturbed").await;
    steps
}

/// Lets one request stand still at each of `points`, and kills the service
/// under all of them.
async fn kill_requests<S: Story>(rig: &mut Rig, victim: usize, points: &[Point]) {
    let mut casts = Vec::new();
    for _ in points {
        casts.push(S::prepare(rig).await);
    }
    rig.settled("before the kill").await;
    let (mut holds, mut attempts) = (Vec::new(), Vec::new());
    for (point, cast) in points.iter().zip(casts) {
        let mut hold = rig.victims[victim].hold(point);
        attempts.push((point, cast.clone(), tokio::spawn(S::act(cast))));
        hold.reached(ARRIVAL).await;
        holds.push(hold);
    }
    rig.kill(victim, holds).await;
    end::<S>(rig, attempts).await;
}

/// Kills the service when the work behind a request has come to `point`.
async fn kill_behind<S: Story>(rig: &mut Rig, victim: usize, point: &Point) {
    let cast = S::prepare(rig).await;
    rig.settled("before the kill").await;
    let mut hold = rig.victims[victim].hold(point);
    let attempt = tokio::spawn(S::act(cast.clone()));
    hold.reached(ARRIVAL).await;
    rig.kill(victim, vec![hold]).await;
    end::<S>(rig, vec![(point, cast, attempt)]).await;
}

/// The clients try again until they have an answer; then everything is as if
/// nobody had been killed.
async fn end<S: Story>(rig: &Rig, attempts: Vec<(&Point, S::Cast, JoinHandle<bool>)>) {
    let mut casts = Vec::new();
    for (point, cast, attempt) in attempts {
        let is_acknowledged = timeout(SOON, attempt).await.expect("an answer").unwrap();
        if !is_acknowledged {
            eventually(RECOVERY, async || S::act(cast.clone()).await).await;
        }
        casts.push((format!("{point:?}"), cast));
    }
    let points: Vec<&str> = casts.iter().map(|(point, _)| point.as_str()).collect();
    rig.settled(&points.join(", ")).await;
    for (point, cast) in &casts {
        S::check(rig, cast, point).await;
    }
}
