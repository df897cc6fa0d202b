//! The official JavaScript client and python-socketio against a server of this
//! crate, over every transport. What they do is in `javascript/` and `python/`,
//! a story each; what they are is in `deploy/local/socketio/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "in a test, a panic is the failure report"
)]

mod chat;
mod javascript;
mod outages;
mod python;
mod script;
mod stage;
