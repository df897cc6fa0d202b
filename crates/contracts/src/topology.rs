//! The exchanges and queues of the product, declared at migration and never
//! at first use: a quorum queue younger than about a second can lose confirmed
//! messages when its broker dies.

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
    /// The routing key of the binding.
    pub routing_key: &'static str,
}

/// Work to do, routed by queue name.
pub const JOBS: &str = "anufy.jobs";
/// Facts of one service that others act on, routed by what they are about.
pub const EVENTS: &str = "anufy.events";
/// Key of [`EVENTS`]: `UserChanged`.
pub const USER_CHANGED: &str = "users.changed";
/// Key of [`EVENTS`]: `FollowChanged`.
pub const FOLLOW_CHANGED: &str = "users.follow_changed";
/// Key of [`EVENTS`]: `PostCreated`.
pub const POST_CREATED: &str = "posts.created";
/// Key of [`EVENTS`]: `PostEdited`.
pub const POST_EDITED: &str = "posts.edited";
/// Key of [`EVENTS`]: `PostDeleted`.
pub const POST_DELETED: &str = "posts.deleted";
/// Key of [`EVENTS`]: `PostsCounted`.
pub const POSTS_COUNTED: &str = "posts.counted";
/// What auth wants to know.
pub const AUTH_EVENTS: &str = "auth-events";
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

/// Every queue. A queue enters with its first consumer; the dead-letter queue
/// is there from the start, so that nothing rejected is ever dropped.
pub const QUEUES: [Queue; 2] = [
    Queue {
        name: DEAD_LETTERS,
        exchange: DEAD,
        routing_key: "",
    },
    Queue {
        name: AUTH_EVENTS,
        exchange: EVENTS,
        routing_key: POSTS_COUNTED,
    },
];

/// Whether a message published to `exchange` under `key` must find a queue.
/// Nobody need listen to an event; what somebody does listen to, and every
/// job, must arrive.
#[must_use]
pub fn must_be_routed(exchange: &str, key: &str) -> bool {
    exchange != EVENTS
        || QUEUES
            .iter()
            .any(|queue| queue.exchange == EVENTS && queue.routing_key == key)
}
