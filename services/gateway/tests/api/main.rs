//! The gateway from outside, a file per behaviour. Nothing is imitated that
//! can be had: the gateway, Redis, HTTP and gRPC are real, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the failure report"
)]

mod connections;
mod cors;
mod drain;
mod exchange;
mod forwarding;
mod malformed;
mod observability;
mod operation;
mod paths;
mod rate_limit;
mod redis_outage;
mod request_bodies;
mod revocation;
mod sticky_sessions;
mod support;
mod tokens;
mod tunnel_ends;
mod tunnel_limits;
mod tunnels;
mod upstreams;
