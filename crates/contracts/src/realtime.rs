//! `anufy.realtime.v1`: events for people who are connected.

/// The generated messages, clients and servers.
#[expect(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    unused_qualifications,
    reason = "generated from proto/, which carries the documentation"
)]
pub mod v1 {
    tonic::include_proto!("anufy.realtime.v1");
}
