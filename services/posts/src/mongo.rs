//! The collections this service owns: their queries, their indexes, and how
//! the predecessor's documents are taken over.

mod authors;
mod counts;
mod fanout_modes;
mod indexes;
mod like_counts;
mod like_reads;
mod like_writes;
mod migrate;
mod posts;
mod timeline;

pub(crate) use authors::authors_after;
pub(crate) use counts::{CountMismatch, PostCounts};
pub(crate) use fanout_modes::{FanoutMode, FanoutModes, FanoutState};
pub(crate) use indexes::{IDEMPOTENCY, LEASES, OUTBOX};
pub(crate) use like_counts::{LikeCounts, LikeMismatch};
pub(crate) use like_reads::{LikeChunk, LikeReads, LikerPosition, Moment};
pub(crate) use like_writes::LikeWrites;
pub use migrate::{MigrationReport, migrate};
pub(crate) use posts::{Edit, PostStore};
pub(crate) use timeline::Position;
