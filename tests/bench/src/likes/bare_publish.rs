//! A confirmed publish for each job: what likes would cost the broker if they
//! did not travel together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bus::{AmqpSettings, Message, Publisher};
use contracts::{
    jobs::v1::Jobs,
    topology::{DEAD, DEAD_LETTERS},
};
use domain::{PostId, UserId};
use futures_util::future::try_join_all;

use super::{Options, queue};
use crate::{
    load::Timing,
    report::{Report, Round},
    stack::Stack,
};

pub(super) const PUBLISH: &str = "bare publish, a job a message";
/// Messages of a round.
const MESSAGES: usize = 20_000;

/// Adds a round to `report`: as many tasks as the client has connections, each
/// publishing its next job when the one before is confirmed.
pub(super) async fn measure(
    stack: &Stack,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let amqp_url = stack.amqp_url();
    let publisher = Publisher::new(&AmqpSettings { amqp_url }, "bench");
    publisher.ping().await?;
    let jobs = vec![queue::job(UserId::generate(), PostId::generate())];
    let message = Arc::new(Message {
        id: String::new(),
        // A queue like those of likes, but nobody reads it.
        exchange: DEAD.to_owned(),
        key: DEAD_LETTERS.to_owned(),
        headers: Vec::new(),
        payload: Jobs { jobs }.to_bytes(),
    });
    let before = stack.usage(&[])?;
    let left = Arc::new(AtomicUsize::new(MESSAGES));
    let started = Instant::now();
    let publishing = (0..options.connections).map(|_| {
        let (publisher, message) = (publisher.clone(), Arc::clone(&message));
        tokio::spawn(publish(publisher, message, Arc::clone(&left)))
    });
    let mut latencies = Vec::new();
    for published in try_join_all(publishing).await? {
        latencies.extend(published?);
    }
    let timing = Timing::new(started.elapsed(), latencies);
    let used = stack.usage(&[])?.since(&before);
    report.add(PUBLISH, Round::timed(&timing, used))
}

async fn publish(
    publisher: Publisher,
    message: Arc<Message>,
    left: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let take = |left: usize| left.checked_sub(1);
    let order = Ordering::Relaxed;
    while left.fetch_update(order, order, take).is_ok() {
        let sent = Instant::now();
        publisher.publish(&message).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}
