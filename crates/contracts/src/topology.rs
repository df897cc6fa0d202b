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
/// Facts of one service that others keep copies of, routed by `<service>.<fact>`.
pub const EVENTS: &str = "anufy.events";
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
pub const QUEUES: [Queue; 1] = [Queue {
    name: DEAD_LETTERS,
    exchange: DEAD,
    routing_key: "",
}];
