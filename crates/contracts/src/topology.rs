//! The exchanges and queues of the product, declared at migration and never
//! at first use: a quorum queue younger than about a second can lose confirmed
//! messages when its broker dies.

use std::{slice, time::Duration};

use xxhash_rust::xxh3::xxh3_64;

/// A durable exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: &'static str,
    /// How it routes.
    pub kind: ExchangeKind,
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// By equality of the routing key: jobs.
    Direct,
    /// By pattern: facts.
    Topic,
    /// To every bound queue: the dead.
    Fanout,
}

/// A durable, replicated (quorum) queue and what feeds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// The exchange it is bound to.
    pub exchange: &'static str,
    /// The routing keys of its bindings.
    pub routing_keys: &'static [&'static str],
    /// How long a message waits before it is worth nothing any more, and dropped.
    pub lifetime: Option<Duration>,
    /// Whether the broker gives its messages to one consumer at a time, the
    /// first that came, and to the next when that one is gone.
    pub has_single_active_consumer: bool,
}

/// A queue in parts: what concerns the same thing lies in the same part, in
/// its order, and is worked on by one worker at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionedQueue {
    /// Its name.
    pub name: &'static str,
    /// The queues that it consists of, by number.
    pub partitions: [&'static str; PARTITIONS],
}

impl PartitionedQueue {
    /// The partition for what concerns `key`: an id, in its bytes. Publishers
    /// decide; another number of partitions needs empty queues.
    #[must_use]
    pub fn partition_of(&self, key: &[u8]) -> &'static str {
        let [first, ..] = self.partitions;
        let count = self.partitions.len() as u64;
        let number = usize::try_from(xxh3_64(key) % count).unwrap_or_default();
        self.partitions.get(number).copied().unwrap_or(first)
    }
}

/// Parts of a partitioned queue.
pub const PARTITIONS: usize = 8;

/// Work to do, routed by queue name.
pub const JOBS: &str = "anufy.jobs";
/// Facts of one service that others act on, routed by what they are about.
pub const EVENTS: &str = "anufy.events";
/// Key of [`EVENTS`]: `UserChanged`.
pub const USER_CHANGED: &str = "users.changed";
/// Key of [`EVENTS`]: `FollowChanged`.
pub const FOLLOW_CHANGED: &str = "users.follow_changed";
/// Key of [`EVENTS`]: `BlockChanged`.
pub const BLOCK_CHANGED: &str = "users.block_changed";
/// Key of [`EVENTS`]: `UserErased`.
pub const USER_ERASED: &str = "users.erased";
/// Key of [`EVENTS`]: `ContentRemoved`.
pub const CONTENT_REMOVED: &str = "moderation.content_removed";
/// Key of [`EVENTS`]: `PostCreated`.
pub const POST_CREATED: &str = "posts.created";
/// Key of [`EVENTS`]: `PostEdited`.
pub const POST_EDITED: &str = "posts.edited";
/// Key of [`EVENTS`]: `PostDeleted`.
pub const POST_DELETED: &str = "posts.deleted";
/// Key of [`EVENTS`]: `PostsCounted`.
pub const POSTS_COUNTED: &str = "posts.counted";
/// Likes on their way to the owners of what is liked, by what is liked.
pub const LIKES: PartitionedQueue = PartitionedQueue {
    name: "likes-queue",
    partitions: [
        "likes-queue.0",
        "likes-queue.1",
        "likes-queue.2",
        "likes-queue.3",
        "likes-queue.4",
        "likes-queue.5",
        "likes-queue.6",
        "likes-queue.7",
    ],
};
/// What concerns the feeds of the followers of an author.
pub const FEED_UPDATES: &str = "feed-updates-queue";
/// What people are to be told.
pub const NOTIFICATIONS: &str = "notifications-queue";
/// What auth wants to know.
pub const AUTH_EVENTS: &str = "auth-events";
/// What posts wants to know.
pub const POSTS_EVENTS: &str = "posts-events";
/// Jobs that can never succeed.
pub const DEAD: &str = "anufy.dead";
/// Where an operator finds the dead.
pub const DEAD_LETTERS: &str = "dead-letters";

/// Every exchange.
pub const EXCHANGES: [Exchange; 3] = [
    Exchange {
        name: JOBS,
        kind: ExchangeKind::Direct,
    },
    Exchange {
        name: EVENTS,
        kind: ExchangeKind::Topic,
    },
    Exchange {
        name: DEAD,
        kind: ExchangeKind::Fanout,
    },
];

/// How long somebody may be told of something late.
const NOTIFICATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Every queue, a partition of a [`PartitionedQueue`] for one. The dead-letter
/// queue is there from the start, so that nothing rejected is ever dropped.
pub const QUEUES: [Queue; 13] = {
    let [p0, p1, p2, p3, p4, p5, p6, p7] = &LIKES.partitions;
    [
        queue(DEAD_LETTERS, DEAD, &[""]),
        queue(AUTH_EVENTS, EVENTS, &[POSTS_COUNTED]),
        queue(
            POSTS_EVENTS,
            EVENTS,
            &[
                USER_CHANGED,
                USER_ERASED,
                FOLLOW_CHANGED,
                BLOCK_CHANGED,
                CONTENT_REMOVED,
                POST_EDITED,
                POST_DELETED,
            ],
        ),
        queue(FEED_UPDATES, JOBS, &[FEED_UPDATES]),
        Queue {
            lifetime: Some(NOTIFICATION_LIFETIME),
            ..queue(NOTIFICATIONS, JOBS, &[NOTIFICATIONS])
        },
        partition(p0),
        partition(p1),
        partition(p2),
        partition(p3),
        partition(p4),
        partition(p5),
        partition(p6),
        partition(p7),
    ]
};

const fn queue(
    name: &'static str,
    exchange: &'static str,
    routing_keys: &'static [&'static str],
) -> Queue {
    Queue {
        name,
        exchange,
        routing_keys,
        lifetime: None,
        has_single_active_consumer: false,
    }
}

const fn partition(name: &'static &'static str) -> Queue {
    Queue {
        has_single_active_consumer: true,
        ..queue(name, JOBS, slice::from_ref(name))
    }
}

/// Whether a message published to `exchange` under `key` must find a queue.
/// Nobody need listen to an event; what somebody does listen to, and every
/// job, must arrive.
#[must_use]
pub fn must_be_routed(exchange: &str, key: &str) -> bool {
    exchange != EVENTS
        || QUEUES
            .iter()
            .any(|queue| queue.exchange == EVENTS && queue.routing_keys.contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_always_lies_in_the_same_partition_and_keys_in_all() {
        assert_eq!(LIKES.partition_of(b"507f1f77bcf8"), "likes-queue.7");
        let mut used: Vec<_> = (0..200_u32)
            .map(|key| LIKES.partition_of(&key.to_be_bytes()))
            .collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, LIKES.partitions);
    }
}
