//! Every list that can grow.

use serde_json::{Value, json};
use testkit::{Client, Method, Stack, User};

use super::list::{Ask, EARLY, Item, LATE, List};

/// Pages of it are small.
const FEW: usize = 2;

fn ask(by: &Client, method: Method, path: String) -> Ask {
    Ask {
        by: by.clone(),
        method,
        path,
        body: None,
    }
}

/// Something that is done to `path` and undone there; in the list, it is `id`.
fn toggled(by: &Client, path: &str, id: &str) -> Item {
    Item {
        add: ask(by, Method::POST, path.to_owned()),
        remove: ask(by, Method::DELETE, path.to_owned()),
        id: Some(id.to_owned()),
    }
}

/// Something that is made at `path`, and deleted at `gone`.
fn made(by: &Client, path: &str, body: Value, gone: &str) -> Item {
    Item {
        add: Ask {
            body: Some(body),
            ..ask(by, Method::POST, path.to_owned())
        },
        remove: ask(by, Method::DELETE, gone.to_owned()),
        id: None,
    }
}

fn post(by: &Client, text: &str) -> Item {
    let body = json!({ "content": text });
    made(by, "/api/posts", body, "/api/posts/{id}")
}

fn id(document: &Value) -> &str {
    document["_id"].as_str().unwrap()
}

/// Each with people of its own to read it, and the same crowd to change it.
pub(super) async fn all(stack: &Stack) -> Vec<List> {
    let model = stack.user("one_of_many").await;
    let crowd = stack.crowd(&model, EARLY + LATE).await;
    let (people, texts) = tokio::join!(of_people(stack, &crowd), of_posts(stack, &crowd));
    people.into_iter().chain(texts).collect()
}

/// What each of `crowd` does to it.
fn list(
    name: &'static str,
    reader: &User,
    path: String,
    crowd: &[User],
    item: impl Fn(&User) -> Item,
) -> List {
    List {
        name,
        reader: reader.clone(),
        path,
        limit: FEW,
        is_ordered: true,
        items: crowd.iter().map(item).collect(),
    }
}

async fn of_people(stack: &Stack, crowd: &[User]) -> Vec<List> {
    let (ana, bo, cy) = tokio::join!(stack.user("ana"), stack.user("bo"), stack.user("cy"));
    let (hidden, moderator) = tokio::join!(stack.user("hidden"), stack.user("moderator"));
    hidden.make_private().await;
    stack.make_moderator(&moderator).await;
    let of = |user: &User, what: &str| format!("/api/users/{}/{what}", user.id);
    let own = |what: &str| format!("/api/users/me/{what}");
    let name = |user: &User, prefix: &str| {
        let username = format!("{prefix}{}", &user.id[8..]);
        Ask {
            body: Some(json!({ "username": username })),
            ..ask(user, Method::PATCH, "/api/users/me".to_owned())
        }
    };
    vec![
        list("followers", &bo, of(&ana, "followers"), crowd, |it| {
            toggled(it, &of(&ana, "follow"), &it.id)
        }),
        list("following", &bo, of(&bo, "following"), crowd, |it| {
            toggled(&bo, &of(it, "follow"), &it.id)
        }),
        list("requests", &hidden, own("follow-requests"), crowd, |it| {
            toggled(it, &of(&hidden, "follow"), &it.id)
        }),
        list("blocks", &cy, own("blocks"), crowd, |it| {
            toggled(&cy, &of(it, "block"), &it.id)
        }),
        list("mutes", &bo, own("mutes"), crowd, |it| {
            toggled(&bo, &of(it, "mute"), &it.id)
        }),
        list(
            "search of accounts",
            &bo,
            "/api/users/search?q=looked.for".to_owned(),
            crowd,
            |it| Item {
                add: name(it, "looked.for."),
                remove: name(it, "overlooked."),
                id: Some(it.id.clone()),
            },
        ),
        list(
            "reports",
            &moderator,
            "/api/admin/reports?status=open".to_owned(),
            crowd,
            |it| {
                let body = json!({ "target_type": "user", "target_id": it.id, "reason": "spam" });
                let resolve = "/api/admin/reports/{id}/resolve".to_owned();
                Item {
                    remove: Ask {
                        body: Some(json!({ "action": "dismiss" })),
                        ..ask(&moderator, Method::POST, resolve)
                    },
                    ..made(&ana, "/api/reports", body, "")
                }
            },
        ),
    ]
}

async fn of_posts(stack: &Stack, crowd: &[User]) -> Vec<List> {
    let (ana, bo) = tokio::join!(stack.user("ana"), stack.user("bo"));
    bo.follow(&ana).await;
    let place = ana.publish("anybody may say something here").await;
    let comment = ana.comment(&place, "well?").await;
    let mut posts = Vec::new();
    for _ in crowd {
        posts.push(ana.publish("something to like and save").await);
    }
    let of_posts = |name, path: &str, item: &dyn Fn(&Value) -> Item| List {
        items: posts.iter().map(item).collect(),
        ..list(name, &bo, path.to_owned(), &[], |_| unreachable!())
    };
    let of_place = |what: &str| format!("/api/posts/{}/{what}", id(&place));
    let posts_by =
        |name, path: String, text: &'static str| list(name, &bo, path, crowd, |_| post(&ana, text));
    vec![
        posts_by("feed", "/api/posts/feed".to_owned(), "hello"),
        posts_by(
            "page of an author",
            format!("/api/posts/user/{}", ana.id),
            "hello",
        ),
        posts_by(
            "page of a hashtag",
            "/api/posts/hashtag/paged".to_owned(),
            "#paged",
        ),
        posts_by(
            "search of posts",
            "/api/posts/search?q=peculiar".to_owned(),
            "a peculiar thing",
        ),
        List {
            // Everything is there, and what was seen comes last the next time.
            limit: 10,
            is_ordered: false,
            ..posts_by("explore", "/api/posts/explore".to_owned(), "hello")
        },
        of_posts("liked", "/api/posts/liked", &|it| {
            toggled(&bo, &format!("/api/posts/{}/like", id(it)), id(it))
        }),
        of_posts("saved", "/api/posts/saved", &|it| {
            toggled(&bo, &format!("/api/posts/{}/save", id(it)), id(it))
        }),
        list("likers", &bo, of_place("likes"), crowd, |it| {
            toggled(it, &of_place("like"), &it.id)
        }),
        list("comments", &bo, of_place("comments"), crowd, |it| {
            let body = json!({ "content": "I say" });
            made(it, &of_place("comments"), body, "/api/comments/{id}")
        }),
        list(
            "replies",
            &bo,
            of_place(&format!("comments?parent_id={}", id(&comment))),
            crowd,
            |it| {
                let body = json!({ "content": "well!", "parent_id": id(&comment) });
                made(it, &of_place("comments"), body, "/api/comments/{id}")
            },
        ),
    ]
}
