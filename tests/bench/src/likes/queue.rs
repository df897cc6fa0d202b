//! The queue of likes, from the broker's side.

use bus::{AmqpSettings, Message, Publisher, purge_queues};
use contracts::{
    jobs::v1::{Job, Jobs, LikeSubject, SetLike, job::Work},
    timestamp,
    topology::{JOBS, LIKES},
};
use domain::{PostId, Timestamp, UserId};
use runtime::{Clock, SystemClock};
use secrecy::ExposeSecret;

use crate::stack::Stack;

/// What everybody likes with.
pub(super) const REACTION: &str = "❤️";
/// Jobs in a message, as under load.
const TOGETHER: usize = 64;

/// `user_id` likes `post_id` from now on.
pub(super) fn job(user_id: UserId, post_id: PostId) -> Job {
    let now = SystemClock.now();
    Job {
        id: PostId::generate().to_string(),
        accepted_at: Some(timestamp(now)),
        version: version(now),
        trace: [].into(),
        work: Some(Work::SetLike(SetLike {
            user_id: user_id.to_string(),
            subject: LikeSubject::Post.into(),
            subject_id: post_id.to_string(),
            reaction: Some(REACTION.to_owned()),
        })),
    }
}

/// In microseconds, as posts has it.
fn version(now: Timestamp) -> i64 {
    now.as_millis() * 1000
}

/// Publishes the likes of `post` by `users` as posts does under load.
pub(super) async fn fill(
    stack: &Stack,
    post: PostId,
    users: impl IntoIterator<Item = UserId>,
) -> anyhow::Result<()> {
    let amqp_url = stack.amqp_url();
    let publisher = Publisher::new(&AmqpSettings { amqp_url }, "bench");
    let jobs: Vec<Job> = users.into_iter().map(|user| job(user, post)).collect();
    let key = LIKES.partition_of(&post.oid().bytes());
    let messages = jobs.chunks(TOGETHER).map(|jobs| Message {
        id: PostId::generate().to_string(),
        exchange: JOBS.to_owned(),
        key: key.to_owned(),
        headers: Vec::new(),
        payload: Jobs {
            jobs: jobs.to_vec(),
        }
        .to_bytes(),
    });
    let messages: Vec<Message> = messages.collect();
    for outcome in publisher.publish_all(&messages).await {
        outcome?;
    }
    Ok(())
}

/// Empties every queue. Only for when nothing waits that matters.
pub(super) async fn purge(stack: &Stack) -> anyhow::Result<()> {
    Ok(purge_queues(stack.amqp_url().expose_secret()).await?)
}
