//! Tests of the whole stack: what clients see, what operators see, and what
//! both see when something breaks. They need the servers of `make test`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test file is all test, its helpers too"
)]

mod admins;
mod authorization;
mod bad_bodies;
mod bad_paths;
mod bad_tokens;
mod commands;
mod conversations;
mod counters;
mod crashes;
mod dlq;
mod drain;
mod facts;
mod feed;
mod follow_and_post;
mod likes;
mod logs_and_metrics;
mod migrate;
mod operations;
mod operator;
mod outages;
mod paging;
mod past_the_gateway;
mod predecessor;
mod privacy;
mod settings;
mod sign_up;
mod sockets;
mod traces;
mod truth;
mod worker;
