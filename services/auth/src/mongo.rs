//! The collections this service owns: their queries, their indexes, and how
//! the predecessor's documents are taken over.

mod blocks;
mod counters;
mod follow_changes;
mod follows;
pub(crate) mod indexes;
mod migrate;
mod sessions;
mod users;

/// What waits for the broker.
pub(crate) const OUTBOX: &str = "auth_outbox";
/// Who does the work that one replica does for all.
pub(crate) const LEASES: &str = "auth_leases";

pub(crate) use blocks::Blocks;
pub(crate) use counters::{Count, CounterDeltas, Counters, StoredCounters};
pub(crate) use follow_changes::{FollowChange, FollowChanges};
pub(crate) use follows::{EdgeRange, FollowList, Follows, Order};
pub(crate) use indexes::FOLLOW as FOLLOW_INDEX;
pub use migrate::{Finding, MigrationReport, migrate};
pub(crate) use sessions::SessionStore;
pub(crate) use users::{UserChanges, Users, taken};
