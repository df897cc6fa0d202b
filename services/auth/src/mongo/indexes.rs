use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::IndexOptions;
use store::Index;

/// Unique over the lowercased username.
pub(crate) const USERNAME: &str = "username_lower_unique";
/// Unique over the lowercased e-mail address.
pub(crate) const EMAIL: &str = "email_lower_unique";

pub(crate) fn all() -> Vec<Index> {
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
