//! The collections this service owns: their queries, their indexes, and how
//! the predecessor's documents are taken over.

mod indexes;
mod migrate;
mod sessions;
mod users;

pub use migrate::{Finding, MigrationReport, migrate};
pub(crate) use sessions::SessionStore;
pub(crate) use users::{UserChanges, Users};
