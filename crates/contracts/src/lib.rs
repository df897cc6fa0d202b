//! What services say to each other: the generated gRPC messages and services,
//! their conversions to and from [`domain`], and the queue topology.
//!
//! Two services meet only here. The sources are in `proto/`.

pub mod auth;
pub mod events;
pub mod jobs;
pub mod posts;
pub mod realtime;
pub mod rpc;
mod status;
mod time;
pub mod topology;

pub use status::{kind_of, refuse, status};
pub use time::{timestamp, timestamp_of};

/// All descriptors of `proto/`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
