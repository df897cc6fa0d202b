//! Everything that there is to read.

use domain::visibility::{Relation, Sight};
use serde_json::Value;
use testkit::{Response, User};

use super::pair::{Pair, id};
use crate::facts::Facts;

const CONTENT: Sight = Sight::Content { is_deleted: false };
const COMMENT: Sight = Sight::Comment { is_deleted: false };
const DISCOVERY: Sight = Sight::Discovery { is_deleted: false };
const FEED: Sight = Sight::Feed { is_deleted: false };

/// A way to come across an author.
pub(super) struct Read {
    pub(super) name: &'static str,
    /// What the answer, if it is one, says about the author.
    sight: Sight,
    path: fn(&Pair) -> String,
    /// What is looked for in the list; `None`: there is an answer or there is none.
    item: Option<fn(&Pair) -> &str>,
    /// Whether it would be there for whoever may see everything: by how the viewer
    /// stands to the author, and how the author stands to the viewer.
    is_there: fn(&Relation, &Relation) -> bool,
}

const fn one(name: &'static str, sight: Sight, path: fn(&Pair) -> String) -> Read {
    Read {
        name,
        sight,
        path,
        item: None,
        is_there: |_, _| true,
    }
}

const fn list(
    name: &'static str,
    sight: Sight,
    path: fn(&Pair) -> String,
    item: fn(&Pair) -> &str,
) -> Read {
    Read {
        item: Some(item),
        ..one(name, sight, path)
    }
}

fn author(pair: &Pair) -> &str {
    &pair.author.id
}

fn host(pair: &Pair) -> &str {
    &pair.place.host.id
}

fn post(pair: &Pair) -> &str {
    id(&pair.post)
}

fn place(pair: &Pair) -> &str {
    id(&pair.place.post)
}

pub(super) const READS: [Read; 24] = [
    one("profile by id", Sight::Profile, |it| {
        format!("/api/users/{}", it.author.id)
    }),
    one("profile by name", Sight::Profile, |it| {
        format!("/api/users/@{}", it.author.username)
    }),
    list(
        "followers of somebody",
        Sight::Listing,
        |it| format!("/api/users/{}/followers", host(it)),
        author,
    ),
    list(
        "following of somebody",
        Sight::Listing,
        |it| format!("/api/users/{}/following", host(it)),
        author,
    ),
    list(
        "followers of the author",
        CONTENT,
        |it| format!("/api/users/{}/followers", it.author.id),
        host,
    ),
    list(
        "following of the author",
        CONTENT,
        |it| format!("/api/users/{}/following", it.author.id),
        host,
    ),
    Read {
        // A block has ended the request.
        is_there: |_, author| author.requested,
        ..list(
            "follow requests",
            Sight::Listing,
            |_| "/api/users/me/follow-requests".to_owned(),
            author,
        )
    },
    list(
        "search of accounts",
        Sight::Listing,
        |it| format!("/api/users/search?q={}", it.author.username),
        author,
    ),
    Read {
        // Whoever one knows, or is kept from, is not suggested.
        is_there: |viewer, author| {
            let is_known = viewer.following || viewer.requested;
            !is_known && !viewer.blocking && !viewer.muting && !author.blocking
        },
        ..list(
            "suggestions",
            Sight::Listing,
            |_| "/api/users/suggestions".to_owned(),
            author,
        )
    },
    one("post", CONTENT, |it| format!("/api/posts/{}", post(it))),
    list(
        "page of the author",
        CONTENT,
        |it| format!("/api/posts/user/{}", it.author.id),
        post,
    ),
    list("feed", FEED, |_| "/api/posts/feed".to_owned(), post),
    list(
        "page of a hashtag",
        CONTENT,
        |it| format!("/api/posts/hashtag/{}", it.word),
        post,
    ),
    list(
        "explore",
        DISCOVERY,
        |_| "/api/posts/explore".to_owned(),
        post,
    ),
    list(
        "search of posts",
        CONTENT,
        |it| format!("/api/posts/search?q={}", it.word),
        post,
    ),
    list(
        "likers of a post",
        Sight::Listing,
        |it| format!("/api/posts/{}/likes", place(it)),
        author,
    ),
    list(
        "likers of the author's post",
        CONTENT,
        |it| format!("/api/posts/{}/likes", post(it)),
        host,
    ),
    list("liked", CONTENT, |_| "/api/posts/liked".to_owned(), post),
    list("saved", CONTENT, |_| "/api/posts/saved".to_owned(), post),
    list(
        "comments",
        COMMENT,
        |it| format!("/api/posts/{}/comments", place(it)),
        |it| id(&it.comment),
    ),
    list(
        "replies",
        COMMENT,
        |it| {
            let parent = id(&it.place.comment);
            format!("/api/posts/{}/comments?parent_id={parent}", place(it))
        },
        |it| id(&it.reply),
    ),
    list(
        "replies to the author",
        COMMENT,
        |it| {
            let parent = id(&it.comment);
            format!("/api/posts/{}/comments?parent_id={parent}", place(it))
        },
        |it| id(&it.answer),
    ),
    list(
        "comments on the author's post",
        CONTENT,
        |it| format!("/api/posts/{}/comments", post(it)),
        |it| id(&it.remark),
    ),
    list(
        "likers of the author's post, oneself among them",
        CONTENT,
        |it| format!("/api/posts/{}/likes", post(it)),
        |it| &it.viewer.id,
    ),
];

impl Read {
    pub(super) fn is_expected(&self, facts: &Facts, pair: &Pair) -> bool {
        let [viewer, author] = pair.ids();
        let (to, from) = (
            facts.relation(viewer, author),
            facts.relation(author, viewer),
        );
        (self.is_there)(&to, &from) && facts.allow(viewer, author, self.sight)
    }

    /// Whether the viewer comes across it.
    pub(super) async fn is_shown(&self, pair: &Pair) -> bool {
        let path = (self.path)(pair);
        match self.item {
            None => is_answered(&pair.viewer.get(&path).await),
            Some(item) => is_listed(&pair.viewer, &path, item(pair)).await,
        }
    }
}

fn is_answered(answer: &Response) -> bool {
    match answer.status {
        200 => true,
        403 | 404 => false,
        _ => panic!("{answer:?}"),
    }
}

/// Looks through the whole list.
async fn is_listed(viewer: &User, path: &str, item: &str) -> bool {
    let first = if path.contains('?') { '&' } else { '?' };
    let mut query = "limit=100".to_owned();
    loop {
        let answer = viewer.get(&format!("{path}{first}{query}")).await;
        if !is_answered(&answer) {
            return false;
        }
        let page = answer.json();
        let mut items = page["items"].as_array().unwrap().iter();
        if items.any(|it| it["_id"] == item) {
            return true;
        }
        let Value::String(cursor) = &page["next_cursor"] else {
            return false;
        };
        query = format!("limit=100&cursor={cursor}");
    }
}
