use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::IndexOptions;
use store::{Index, Outbox};

use super::{OUTBOX, blocks, follow_changes, follows};

/// Unique over the lowercased username.
pub(crate) const USERNAME: &str = "username_lower_unique";
/// Unique over the lowercased e-mail address.
pub(crate) const EMAIL: &str = "email_lower_unique";

/// Unique over who follows and who is followed.
pub(crate) const FOLLOW: &str = "follower_followee_unique";
/// The followers of an account, in the order in which they came.
pub(crate) const FOLLOWERS: &str = "followee_status_id";
/// Whom an account follows, in the order in which it came to.
pub(crate) const FOLLOWING: &str = "follower_status_id";
/// Changes of follows between two accounts.
pub(crate) const FOLLOW_CHANGE: &str = "follower_followee";
/// Unique over who holds what against whom.
pub(crate) const BLOCK: &str = "user_blocked_kind_unique";

pub(crate) fn all() -> Vec<Index> {
    let mut all = accounts();
    all.extend(relations());
    all.extend(Outbox::indexes(OUTBOX));
    all
}

fn accounts() -> Vec<Index> {
    let unique_text = |field: &str| {
        IndexOptions::builder()
            .unique(true)
            // Old documents lack the field until they are migrated, or for ever.
            .partial_filter_expression(doc! { field: { "$type": "string" } })
            .build()
    };
    let plain = IndexOptions::default;
    vec![
        index(
            "users",
            USERNAME,
            doc! { "username_lower": 1 },
            unique_text("username_lower"),
        ),
        index(
            "users",
            EMAIL,
            doc! { "email_lower": 1 },
            unique_text("email_lower"),
        ),
        index("users", "created_at", doc! { "created_at": 1 }, plain()),
        index("sessions", "user_id", doc! { "user_id": 1 }, plain()),
        index(
            "sessions",
            "expires_at_ttl",
            doc! { "expires_at": 1 },
            IndexOptions::builder().expire_after(Duration::ZERO).build(),
        ),
        index(
            "sessions",
            "revoked_at",
            doc! { "revoked_at": 1, "_id": 1 },
            IndexOptions::builder()
                .partial_filter_expression(doc! { "revoked_at": { "$type": "date" } })
                .build(),
        ),
    ]
}

fn relations() -> Vec<Index> {
    let unique = || IndexOptions::builder().unique(true).build();
    let plain = IndexOptions::default;
    vec![
        index(
            follows::NAME,
            FOLLOW,
            doc! { "follower_id": 1, "followee_id": 1 },
            unique(),
        ),
        index(
            follows::NAME,
            FOLLOWERS,
            doc! { "followee_id": 1, "status": 1, "_id": 1 },
            plain(),
        ),
        index(
            follows::NAME,
            FOLLOWING,
            doc! { "follower_id": 1, "status": 1, "_id": 1 },
            plain(),
        ),
        index(
            follow_changes::NAME,
            FOLLOW_CHANGE,
            doc! { "follower_id": 1, "followee_id": 1 },
            plain(),
        ),
        index(
            follow_changes::NAME,
            "followee_id",
            doc! { "followee_id": 1 },
            plain(),
        ),
        index(
            blocks::NAME,
            BLOCK,
            doc! { "user_id": 1, "blocked_id": 1, "kind": 1 },
            unique(),
        ),
        index(
            blocks::NAME,
            "blocked_id",
            doc! { "blocked_id": 1 },
            plain(),
        ),
    ]
}

fn index(
    collection: &'static str,
    name: &'static str,
    keys: Document,
    options: IndexOptions,
) -> Index {
    Index {
        collection,
        name,
        keys,
        options,
    }
}
