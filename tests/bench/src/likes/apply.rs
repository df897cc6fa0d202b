//! How fast likes that wait are stored and counted, beside a loop over the
//! driver that does the same transaction.

use std::{
    collections::{BTreeMap, HashMap},
    slice,
    time::{Duration, Instant},
};

use anyhow::ensure;
use contracts::topology::{LIKES, PARTITIONS};
use domain::{PostId, UserId};
use tokio::time::sleep;

use super::{Options, bare_apply, publish_post, queue, truth};
use crate::{
    load::count,
    metrics::Metrics,
    people::{Author, Person},
    program::Program,
    report::{Report, Round},
    stack::Stack,
    usage::{Usage, memory},
};

pub(super) const APPLY: &str = "likes applied, one post and one worker";
pub(super) const APPLY_SPREAD: &str = "likes applied, a post in each partition and two workers";
const APPLY_INTENTS: &str = "likes applied as they were accepted, one worker";
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at the counter.
const PAUSE: Duration = Duration::from_millis(5);

/// Adds to `report` what is applied while nothing else is going on: first what
/// `accepted` has, each liked by all readers, then what is put into the queue here.
pub(super) async fn measure(
    stack: &Stack,
    options: &Options,
    author: &Author,
    people: &[Person],
    accepted: &[PostId],
    report: &mut Report,
) -> anyhow::Result<()> {
    let worker = stack.start_worker().await?;
    let readers = options.readers * accepted.len();
    let workers = slice::from_ref(&worker);
    report.add(
        APPLY_INTENTS,
        applied(stack, accepted, readers, workers).await?,
    )?;
    worker.stop().await?;

    let people = people.get(..options.waiting).unwrap_or(people);
    let users = |people: &[Person]| people.iter().map(|person| person.id).collect::<Vec<_>>();
    let liked: HashMap<UserId, &str> = people.iter().map(|it| (it.id, queue::REACTION)).collect();
    let bare = stack.other_database().await?;
    bare_apply::prepare(stack, &bare).await?;
    for round in 1..=options.rounds {
        let post = publish_post(stack, author).await?;
        queue::fill(stack, post, users(people)).await?;
        let worker = stack.start_worker().await?;
        let workers = slice::from_ref(&worker);
        report.add(APPLY, applied(stack, &[post], people.len(), workers).await?)?;
        let metrics = Metrics::scrape(worker.admin).await?;
        let jobs = metrics.sum("bus_batch_jobs_sum") / metrics.sum("bus_batch_jobs_count");
        report.add_fact(&format!("jobs in a batch: {APPLY}"), jobs);
        if round == options.rounds {
            report.add_memory(worker.name, memory(worker.pid())?);
        }
        truth::reached(stack, post, &liked).await?;
        worker.stop().await?;
        bare_apply::measure(stack, &bare, people, report).await?;
    }
    let workers = [stack.start_worker().await?, stack.start_worker().await?];
    share_evenly(&workers).await?;
    for _ in 0..options.rounds {
        let posts = post_in_each_partition(stack, author).await?;
        let each = people.get(..people.len() / PARTITIONS).unwrap_or(people);
        for post in &posts {
            queue::fill(stack, *post, users(each)).await?;
        }
        let all = each.len() * posts.len();
        report.add(APPLY_SPREAD, applied(stack, &posts, all, &workers).await?)?;
    }
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}

/// Waits until the counters of `posts` have grown to `wanted`, and times it from the first
/// growth that is seen: what was counted by then is left out.
async fn applied(
    stack: &Stack,
    posts: &[PostId],
    wanted: usize,
    workers: &[Program],
) -> anyhow::Result<Round> {
    let deadline = Instant::now() + PATIENCE;
    let mut first: Option<(Instant, usize, Usage)> = None;
    loop {
        ensure!(Instant::now() < deadline, "the likes are not applied");
        let counted = usize::try_from(truth::likes_count(stack, posts).await?)?;
        let now = Instant::now();
        match &first {
            None if counted > 0 => first = Some((now, counted, stack.usage(workers)?)),
            Some((since, before, usage)) if counted >= wanted => {
                ensure!(counted == wanted, "{counted} likes of {wanted}");
                let operations = wanted - before;
                return Ok(Round {
                    operations,
                    rate: count(operations) / (now - *since).as_secs_f64(),
                    latency: None,
                    usage: stack.usage(workers)?.since(usage),
                });
            }
            _ => {}
        }
        sleep(PAUSE).await;
    }
}

/// Waits until the partitions are shared evenly.
async fn share_evenly(workers: &[Program]) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let share = count(PARTITIONS / workers.len());
    for worker in workers {
        loop {
            let metrics = Metrics::scrape(worker.admin).await?;
            if (metrics.sum("worker_partitions_read") - share).abs() < 0.5 {
                break;
            }
            ensure!(Instant::now() < deadline, "the partitions are not shared");
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Fresh posts, so many that each partition has one.
async fn post_in_each_partition(stack: &Stack, author: &Author) -> anyhow::Result<Vec<PostId>> {
    let mut posts = BTreeMap::new();
    while posts.len() < PARTITIONS {
        let post = publish_post(stack, author).await?;
        posts.insert(LIKES.partition_of(&post.oid().bytes()), post);
    }
    Ok(posts.into_values().collect())
}
