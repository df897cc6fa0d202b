//! The collections this service owns: their queries, their indexes, and how
//! the predecessor's documents are taken over.

mod authors;
mod counts;
mod indexes;
mod migrate;
mod posts;
mod timeline;

pub(crate) use authors::authors_after;
pub(crate) use counts::{CountMismatch, PostCounts};
pub(crate) use indexes::{LEASES, OUTBOX};
pub use migrate::{MigrationReport, migrate};
pub(crate) use posts::{Edit, PostStore};
pub(crate) use timeline::Position;
