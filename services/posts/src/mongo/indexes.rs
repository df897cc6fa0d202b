use bson::doc;
use mongodb::options::IndexOptions;
use store::{IdempotencyRecords, Index, Outbox};

/// The collection of posts.
pub(crate) const POSTS: &str = "posts";
/// How many posts each author has.
pub(crate) const POST_COUNTS: &str = "post_counts";
/// What waits for the broker.
pub(crate) const OUTBOX: &str = "posts_outbox";
/// Who does what for all replicas.
pub(crate) const LEASES: &str = "posts_leases";
/// Answers kept for clients that ask again.
pub(crate) const IDEMPOTENCY: &str = "posts_idempotency";

/// Of the posts of an author, newest first.
pub(crate) const USER_ID_NEWEST: &str = "user_id_newest";

pub(crate) fn all() -> Vec<Index> {
    let index = |name, keys| Index {
        collection: POSTS,
        name,
        keys,
        options: IndexOptions::default(),
    };
    let mut all = vec![
        index(
            USER_ID_NEWEST,
            doc! { "user_id": 1, "created_at": -1, "_id": -1 },
        ),
        index(
            "hashtags_newest",
            doc! { "hashtags": 1, "created_at": -1, "_id": -1 },
        ),
        index("created_at", doc! { "created_at": 1 }),
    ];
    all.extend(Outbox::indexes(OUTBOX));
    all.extend(IdempotencyRecords::indexes(IDEMPOTENCY));
    all
}
