//! Lists that are newest first and go on behind an item.

use bson::{DateTime, Document, doc, oid::ObjectId};
use domain::Timestamp;

use super::Position;

/// Some of a list, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) found: Vec<Position>,
    /// The last that was looked at; `None` at the end of the list.
    pub(crate) last: Option<Position>,
}

impl Stretch {
    /// What was found when `limit` were asked for.
    pub(super) fn new(found: Vec<Position>, limit: usize) -> Self {
        let last = found.last().copied().filter(|_| found.len() >= limit);
        Self { found, last }
    }
}

/// The list that `filter` selects, from behind an item: when it was made, and
/// the field and id that tell items of one moment apart.
pub(super) fn newest_first(
    mut filter: Document,
    after: Option<(Timestamp, &str, ObjectId)>,
) -> Document {
    if let Some((created_at, field, id)) = after {
        filter.insert("created_at", doc! { "$lte": created_at });
        // Not `$or`, for which the planner would give up the order of the index.
        let before = doc! { "created_at": created_at, field: { "$gte": id } };
        filter.insert("$nor", vec![before]);
    } else {
        filter.insert("created_at", doc! { "$lte": DateTime::MAX });
    }
    filter
}
