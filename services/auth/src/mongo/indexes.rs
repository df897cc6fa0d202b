use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::IndexOptions;
use store::{IdempotencyRecords, Index, Outbox};

use super::{
    AuditLog, Erasures, IDEMPOTENCY, OUTBOX, ReportStore, blocks, follow_changes, follow_sweeps,
    follows, mails, one_time_tokens,
};

/// Unique over the lowercased username.
pub(crate) const USERNAME: &str = "username_lower_unique";
/// Unique over the lowercased e-mail address.
pub(crate) const EMAIL: &str = "email_lower_unique";

/// The sessions of an account, newest first.
pub(crate) const NEWEST_SESSIONS: &str = "user_id_newest";

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
/// What an account holds against others, in the order in which it came to.
pub(crate) const BLOCKS: &str = "user_kind_id";
/// Accounts by the words of their names.
pub(crate) const SEARCH_WORDS: &str = "search_words_id";

pub(crate) fn all() -> Vec<Index> {
    let mut all = accounts();
    all.extend(relations());
    all.extend(ReportStore::indexes());
    all.extend(AuditLog::indexes());
    all.extend(IdempotencyRecords::indexes(IDEMPOTENCY));
    all.extend(mail());
    all.extend(Erasures::indexes());
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
        index(
            "users",
            SEARCH_WORDS,
            doc! { "search_words": 1, "_id": 1 },
            plain(),
        ),
        index(
            "users",
            "followers_count",
            doc! { "followers_count": -1, "_id": -1 },
            plain(),
        ),
        index(
            "sessions",
            NEWEST_SESSIONS,
            doc! { "user_id": 1, "created_at": -1, "_id": -1 },
            plain(),
        ),
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

fn mail() -> Vec<Index> {
    let plain = IndexOptions::default;
    vec![
        index(
            mails::NAME,
            "next_attempt_at",
            doc! { "next_attempt_at": 1, "_id": 1 },
            plain(),
        ),
        index(
            one_time_tokens::NAME,
            "digest_unique",
            doc! { "digest": 1 },
            IndexOptions::builder().unique(true).build(),
        ),
        index(
            one_time_tokens::NAME,
            "user_id_purpose",
            doc! { "user_id": 1, "purpose": 1 },
            plain(),
        ),
        index(
            one_time_tokens::NAME,
            "expires_at_ttl",
            doc! { "expires_at": 1 },
            IndexOptions::builder().expire_after(Duration::ZERO).build(),
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
            BLOCKS,
            doc! { "user_id": 1, "kind": 1, "_id": 1 },
            plain(),
        ),
        index(
            follow_sweeps::NAME,
            "look_at",
            doc! { "look_at": 1 },
            plain(),
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
