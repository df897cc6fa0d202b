//! The collections this service owns: their queries, their indexes, and how
//! the predecessor's documents are taken over.

mod authors;
mod comment_lists;
mod comments;
mod content_counts;
mod counts;
mod erasures;
mod exports;
mod fanout_modes;
mod indexes;
mod like_reads;
mod like_writes;
mod liked;
mod migrate;
mod newest_first;
mod posts;
mod remains;
mod saved_posts;
mod timeline;
mod turns;
mod word_lists;

pub(crate) use authors::authors_after;
pub(crate) use comment_lists::{CommentList, CommentPosition};
pub(crate) use comments::{CommentStore, Inserted};
pub(crate) use content_counts::{ContentCounts, ContentMismatch};
pub(crate) use counts::{CountMismatch, PostCounts};
pub(crate) use erasures::{Erasure, Erasures};
pub(crate) use exports::{Belongings, Exports, Since};
pub(crate) use fanout_modes::{FanoutMode, FanoutModes, FanoutState};
pub(crate) use indexes::{IDEMPOTENCY, LEASES, OUTBOX};
pub(crate) use like_reads::{LikeChunk, LikeReads, LikerPosition, Moment};
pub(crate) use like_writes::LikeWrites;
pub use migrate::{MigrationReport, migrate};
pub(crate) use newest_first::Stretch;
pub(crate) use posts::{Edit, PostStore};
pub(crate) use remains::{Remains, Removed};
pub(crate) use saved_posts::SavedPosts;
pub(crate) use timeline::Position;
pub(crate) use turns::Turns;
