//! What clients and services see of realtime, one file per theme, with real
//! nodes as processes of their own, real sockets and real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod connect;
mod deliver;
mod disconnect;
mod drain;
mod events;
mod operation;
mod outages;
mod presence;
mod revocation;
mod rig;
