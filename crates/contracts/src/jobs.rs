//! `anufy.jobs.v1`: work that was accepted and is done behind the request.

/// The generated messages.
#[expect(
    missing_docs,
    clippy::pedantic,
    reason = "generated from proto/, which carries the documentation"
)]
pub mod v1 {
    tonic::include_proto!("anufy.jobs.v1");
}

use std::collections::HashMap;

use bson::oid::ObjectId;
use domain::Timestamp;
use prost::Message;

use crate::timestamp;
use v1::job::Work;

impl v1::Job {
    /// A job that needs no version, because doing it late or twice is the same.
    #[must_use]
    pub fn new(id: ObjectId, at: Timestamp, work: Work) -> Self {
        Self {
            id: id.to_hex(),
            accepted_at: Some(timestamp(at)),
            version: 1,
            trace: HashMap::new(),
            work: Some(work),
        }
    }
}

impl v1::Jobs {
    /// One job alone.
    #[must_use]
    pub fn of(job: v1::Job) -> Self {
        Self { jobs: vec![job] }
    }

    /// The bytes that travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads what travelled; work that this side does not know is `None` in `work`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }
}
