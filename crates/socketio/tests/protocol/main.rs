//! The protocol as bytes: requests, frames and packets written by hand, good ones and every bad one.
//! Whatever one client sends, the server says what is wrong, ends that client's session at most, and
//! goes on serving the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "in a test, a panic is the failure report"
)]

mod attachments;
mod bounds;
mod echo;
mod framing;
mod handshake;
mod heartbeat;
mod packets;
mod poller;
mod polling;
mod returns;
mod stage;
mod upgrade;
mod websocket;
mod wire;
