use std::time::Duration;

use bson::{Document, doc};
use mongodb::options::IndexOptions;
use store::{IdempotencyRecords, Index, Outbox};

/// The collection of posts.
pub(crate) const POSTS: &str = "posts";
/// What people say about posts.
pub(crate) const COMMENTS: &str = "comments";
/// Who has saved which posts.
pub(crate) const SAVED_POSTS: &str = "saved_posts";
/// How many posts each author has.
pub(crate) const POST_COUNTS: &str = "post_counts";
/// Who likes what. Likes of other things than posts lie there, too.
pub(crate) const LIKES: &str = "likes";
/// What is not liked any more, and since which version, for a day.
pub(crate) const LIKE_TOMBSTONES: &str = "like_tombstones";
/// Which sessions may have a transaction open, for each partition of likes.
pub(crate) const SLOTS: &str = "posts_slots";
/// Authors whose posts are not simply written to feeds.
pub(crate) const FANOUT_MODES: &str = "fanout_modes";
/// Accounts that are gone for good.
pub(crate) const ERASURES: &str = "posts_erasures";
/// Posts and comments of such accounts, on which something may still hang.
pub(crate) const ERASED_CONTENT: &str = "posts_erased_content";
/// What waits for the broker.
pub(crate) const OUTBOX: &str = "posts_outbox";
/// Who does what for all replicas.
pub(crate) const LEASES: &str = "posts_leases";
/// Answers kept for clients that ask again.
pub(crate) const IDEMPOTENCY: &str = "posts_idempotency";

/// Of the posts of an author, or of what somebody has saved, newest first.
pub(crate) const USER_ID_NEWEST: &str = "user_id_newest";
/// Of all posts, and of those with a hashtag, or a word in their text, newest first.
pub(crate) const NEWEST: &str = "newest";
pub(crate) const HASHTAGS_NEWEST: &str = "hashtags_newest";
pub(crate) const SEARCH_WORDS_NEWEST: &str = "search_words_newest";
/// Of each post, one save of each person.
pub(crate) const POST_ID_USER_ID: &str = "post_id_user_id";

/// Of erasures, those that somebody is to look after first.
pub(crate) const DUE_AT: &str = "due_at";

/// Of the comments on a post, or of the replies to one of them, newest first.
/// Those that are deleted are apart, so that nobody has to walk over them.
pub(crate) const THREAD_NEWEST: &str = "thread_newest";

/// Of likes and tombstones: of each thing, one of each person.
pub(crate) const USER_ID_POST_ID: &str = "user_id_post_id";
/// Of what a person likes, newest first.
pub(crate) const USER_ID_TYPE_NEWEST: &str = "user_id_type_newest";
/// Of the likes of a thing, newest first.
pub(crate) const POST_ID_NEWEST: &str = "post_id_newest";

/// The keys of the index that finds what somebody thinks of something. In an
/// old database it may have another name.
pub(crate) fn pair() -> Document {
    doc! { "user_id": 1, "post_id": 1 }
}

/// How long a like that is older than an unlike may be on its way.
const TOMBSTONE_LIFETIME: Duration = Duration::from_hours(24);

/// Of each thing, one like of each person.
pub(crate) fn one_like_each() -> Index {
    Index {
        collection: LIKES,
        name: USER_ID_POST_ID,
        keys: pair(),
        options: IndexOptions::builder().unique(true).build(),
    }
}

/// The lists of likes: of a person, and of a thing, both newest first.
pub(crate) fn lists_of_likes() -> [Index; 2] {
    let index = |name, keys| Index {
        collection: LIKES,
        name,
        keys,
        options: IndexOptions::default(),
    };
    [
        index(
            USER_ID_TYPE_NEWEST,
            doc! { "user_id": 1, "type": 1, "created_at": -1, "post_id": -1 },
        ),
        index(
            POST_ID_NEWEST,
            doc! { "post_id": 1, "created_at": -1, "user_id": -1 },
        ),
    ]
}

fn threads() -> Index {
    Index {
        collection: COMMENTS,
        name: THREAD_NEWEST,
        keys: doc! {
            "post_id": 1, "parent_id": 1, "deleted_at": 1, "created_at": -1, "_id": -1,
        },
        options: IndexOptions::default(),
    }
}

/// Of the comments of somebody, deleted or not: for who exports or erases them.
fn comments_of_users() -> Index {
    Index {
        collection: COMMENTS,
        name: USER_ID_NEWEST,
        keys: doc! { "user_id": 1, "created_at": -1, "_id": -1 },
        options: IndexOptions::default(),
    }
}

fn tombstones() -> [Index; 2] {
    let index = |name, keys, options| Index {
        collection: LIKE_TOMBSTONES,
        name,
        keys,
        options,
    };
    let lifetime = IndexOptions::builder().expire_after(TOMBSTONE_LIFETIME);
    [
        index(
            USER_ID_POST_ID,
            doc! { "user_id": 1, "post_id": 1 },
            IndexOptions::builder().unique(true).build(),
        ),
        index("at_ttl", doc! { "at": 1 }, lifetime.build()),
    ]
}

fn saves() -> [Index; 2] {
    let index = |name, keys, options| Index {
        collection: SAVED_POSTS,
        name,
        keys,
        options,
    };
    [
        index(
            POST_ID_USER_ID,
            doc! { "post_id": 1, "user_id": 1 },
            IndexOptions::builder().unique(true).build(),
        ),
        index(
            USER_ID_NEWEST,
            doc! { "user_id": 1, "created_at": -1, "post_id": -1 },
            IndexOptions::default(),
        ),
    ]
}

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
            HASHTAGS_NEWEST,
            doc! { "hashtags": 1, "created_at": -1, "_id": -1 },
        ),
        index(
            SEARCH_WORDS_NEWEST,
            doc! { "search_words": 1, "created_at": -1, "_id": -1 },
        ),
        index(NEWEST, doc! { "created_at": -1, "_id": -1 }),
    ];
    all.push(Index {
        collection: ERASURES,
        name: DUE_AT,
        keys: doc! { "due_at": 1 },
        options: IndexOptions::default(),
    });
    all.push(threads());
    all.push(comments_of_users());
    all.push(one_like_each());
    all.extend(lists_of_likes());
    all.extend(tombstones());
    all.extend(saves());
    all.extend(Outbox::indexes(OUTBOX));
    all.extend(IdempotencyRecords::indexes(IDEMPOTENCY));
    all
}
