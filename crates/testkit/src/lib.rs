//! What the tests of every package stand on: throwaway databases, the whole
//! stack in one process, clients that play roles, outages on demand.
//!
//! Nothing here imitates a server. MongoDB, Redis and RabbitMQ are real ones,
//! found through `MONGODB_URI`, `REDIS_URL` and `AMQP_URL`; `make test` starts
//! them. Each test has a database of its own in the first two and a virtual
//! host in the last, so that tests run side by side.
//!
//! A test that cannot be set up panics: the only useful answer is a loud one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "used by tests only, where a panic is the failure report"
)]

mod address;
#[cfg(feature = "stack")]
mod administrator;
mod chaos;
#[cfg(feature = "stack")]
mod crowd;
#[cfg(feature = "stack")]
mod deployment;
mod explain;
mod http;
#[cfg(feature = "stack")]
mod mailbox;
mod metrics;
#[cfg(feature = "stack")]
mod notifications;
mod otlp;
mod own_servers;
#[cfg(feature = "stack")]
mod planted;
mod predecessor;
mod process;
mod sandbox;
#[cfg(feature = "stack")]
mod service;
mod socket;
#[cfg(feature = "stack")]
mod stack;
#[cfg(feature = "stack")]
mod user;
mod vhost;
mod wait;
mod wiretap;

#[cfg(feature = "stack")]
pub use administrator::Administrator;
pub use chaos::ChaosProxy;
#[cfg(feature = "stack")]
pub use deployment::Deployment;
pub use http::{Client, HeaderMap, Method, Problem, Response, raw_request};
#[cfg(feature = "stack")]
pub use mailbox::{Letter, MailFolder};
pub use metrics::Metrics;
#[cfg(feature = "stack")]
pub use notifications::Notifications;
pub use otlp::{OtlpCollector, Span, SpanLink};
pub use own_servers::{OwnServers, Queue, Server};
pub use predecessor::predecessor_token;
pub use process::Process;
pub use sandbox::{Sandbox, reserve_port};
#[cfg(feature = "stack")]
pub use service::Service;
pub use socket::{Heard, Socket, SocketDoor};
#[cfg(feature = "stack")]
pub use stack::{Stack, StackBuilder};
#[cfg(feature = "stack")]
pub use user::{User, registration};
pub use wait::{eventually, eventually_some};
pub use wiretap::{Hold, Moment, Step, Wiretap};
