//! The operations of auth, one file each, over HTTP and with real servers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod get_user;
mod grpc;
mod jwks;
mod login;
mod logout;
mod me;
mod register;
mod update_me;

use testkit::{Stack, User};

/// auth alone; tests speak to it as the gateway would.
async fn auth() -> Stack {
    Stack::builder().without_gateway().start().await
}

/// Somebody who has just registered.
async fn user(stack: &Stack, name: &str) -> User {
    User::register(&stack.insider(), name).await
}
