//! What clients see of what stands between them and others.

use domain::Timestamp;
use serde::Serialize;

use super::view::OtherUserView;
use crate::{block_lists::Held, follow_requests::Request, suggestions::Suggestion};

/// Somebody who asks to follow the caller.
#[derive(Serialize)]
pub(crate) struct FollowRequestView {
    #[serde(flatten)]
    user: OtherUserView,
    requested_at: Timestamp,
}

/// Whether somebody follows the caller, who has just said so.
#[derive(Serialize)]
pub(crate) struct AnsweredView {
    pub(crate) followed_by: bool,
}

/// An account that the caller blocks.
#[derive(Serialize)]
pub(crate) struct BlockView {
    #[serde(flatten)]
    user: OtherUserView,
    blocked_at: Timestamp,
}

/// An account that the caller mutes.
#[derive(Serialize)]
pub(crate) struct MuteView {
    #[serde(flatten)]
    user: OtherUserView,
    muted_at: Timestamp,
}

/// An account that the caller may want to follow.
#[derive(Serialize)]
pub(crate) struct SuggestionView {
    #[serde(flatten)]
    user: OtherUserView,
    /// How many of those whom the caller follows follow it.
    mutual_count: i64,
}

impl From<Request> for FollowRequestView {
    fn from(request: Request) -> Self {
        Self {
            user: request.asker.into(),
            requested_at: request.requested_at,
        }
    }
}

impl From<Held> for BlockView {
    fn from(held: Held) -> Self {
        Self {
            user: held.related.into(),
            blocked_at: held.since,
        }
    }
}

impl From<Held> for MuteView {
    fn from(held: Held) -> Self {
        Self {
            user: held.related.into(),
            muted_at: held.since,
        }
    }
}

impl From<Suggestion> for SuggestionView {
    fn from(suggestion: Suggestion) -> Self {
        Self {
            user: suggestion.related.into(),
            mutual_count: suggestion.mutual_count,
        }
    }
}
