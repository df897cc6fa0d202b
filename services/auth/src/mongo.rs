//! The collections this service owns: their queries, their indexes, and how
//! the predecessor's documents are taken over.

mod audit;
mod blocks;
mod counters;
mod erasures;
mod follow_changes;
mod follow_sweeps;
mod follows;
pub(crate) mod indexes;
mod mails;
mod migrate;
mod one_time_tokens;
mod reports;
mod sessions;
mod user_words;
mod users;

/// The answers to requests that may be repeated.
pub(crate) const IDEMPOTENCY: &str = "auth_idempotency";
/// What waits for the broker.
pub(crate) const OUTBOX: &str = "auth_outbox";
/// Who does the work that one replica does for all.
pub(crate) const LEASES: &str = "auth_leases";

pub(crate) use audit::AuditLog;
pub(crate) use blocks::Blocks;
pub(crate) use counters::{Count, CounterDeltas, Counters, StoredCounters};
pub(crate) use erasures::Erasures;
pub(crate) use follow_changes::{FollowChange, FollowChanges};
pub(crate) use follow_sweeps::{FollowSweep, FollowSweeps};
pub(crate) use follows::{EdgeRange, FollowList, Follows};
pub(crate) use indexes::{BLOCK as BLOCK_INDEX, FOLLOW as FOLLOW_INDEX};
pub(crate) use mails::{Mail, MailPurpose, Mails, Recipient};
pub use migrate::{Finding, MigrationReport, migrate};
pub(crate) use one_time_tokens::{StoredToken, TokenPurpose, TokenStore};
pub(crate) use reports::{
    CaseRange, OPEN_CASE as OPEN_CASE_INDEX, REPORT as REPORT_INDEX, ReportStore,
};
pub(crate) use sessions::SessionStore;
pub(crate) use user_words::{Found, WordPlace};
pub(crate) use users::{UserChanges, Users, taken};
