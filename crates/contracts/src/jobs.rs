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

use prost::Message;

impl v1::Jobs {
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
