//! Who may do what with whose posts: every operation, as everybody.

use serde_json::{Value, json};
use testkit::{Client, Method, Response, Stack, User};
use web::{Access, RouteInfo};

use crate::{path, planted};

/// The columns. All but the stranger and the moderator follow the author.
const VIEWERS: [&str; 7] = [
    "author",
    "follower",
    "stranger",
    "blocked",
    "blocker",
    "muting",
    "moderator",
];
/// The rows: how the author is, or the post.
const AUTHORS: [&str; 5] = ["public", "private", "banned", "suspended", "deleted"];

/// `ok`: done; `+` and `-`: a list of posts with and without it, which all of
/// them like; a code: refused so.
const TABLES: &str = "
create_post           author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               ok              ok              ok               ok
private               ok                  ok               ok               ok              ok              ok               ok
banned                ok                  ok               ok               ok              ok              ok               ok
suspended             account_not_active  ok               ok               ok              ok              ok               ok
deleted               ok                  ok               ok               ok              ok              ok               ok

feed                  author              follower         stranger         blocked         blocker         muting           moderator
public                +                   +                -                -               -               -                -
private               +                   +                -                -               -               -                -
banned                +                   -                -                -               -               -                -
suspended             account_not_active  -                -                -               -               -                -
deleted               -                   -                -                -               -               -                -

author_posts          author              follower         stranger         blocked         blocker         muting           moderator
public                +                   +                +                user_not_found  user_not_found  +                +
private               +                   +                account_private  user_not_found  user_not_found  +                +
banned                +                   user_not_found   user_not_found   user_not_found  user_not_found  user_not_found   +
suspended             account_not_active  user_not_found   user_not_found   user_not_found  user_not_found  user_not_found   +
deleted               -                   -                -                user_not_found  user_not_found  -                -

get_post              author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

like_post             author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

unlike_post           author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

likers                author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

liked_posts           author              follower         stranger         blocked         blocker         muting           moderator
public                +                   +                +                -               -               +                +
private               +                   +                -                -               -               +                +
banned                +                   -                -                -               -               -                +
suspended             account_not_active  -                -                -               -               -                +
deleted               -                   -                -                -               -               -                -

save_post             author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

unsave_post           author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               ok              ok              ok               ok
private               ok                  ok               ok               ok              ok              ok               ok
banned                ok                  ok               ok               ok              ok              ok               ok
suspended             account_not_active  ok               ok               ok              ok              ok               ok
deleted               ok                  ok               ok               ok              ok              ok               ok

saved_posts           author              follower         stranger         blocked         blocker         muting           moderator
public                +                   +                +                -               -               +                +
private               +                   +                -                -               -               +                +
banned                +                   -                -                -               -               -                +
suspended             account_not_active  -                -                -               -               -                +
deleted               -                   -                -                -               -               -                -

hashtag_posts         author              follower         stranger         blocked         blocker         muting           moderator
public                +                   +                +                -               -               +                +
private               +                   +                -                -               -               +                +
banned                +                   -                -                -               -               -                +
suspended             account_not_active  -                -                -               -               -                +
deleted               -                   -                -                -               -               -                -

search_posts          author              follower         stranger         blocked         blocker         muting           moderator
public                +                   +                +                -               -               +                +
private               +                   +                -                -               -               +                +
banned                +                   -                -                -               -               -                +
suspended             account_not_active  -                -                -               -               -                +
deleted               -                   -                -                -               -               -                -

trending_hashtags     author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               ok              ok              ok               ok
private               ok                  ok               ok               ok              ok              ok               ok
banned                ok                  ok               ok               ok              ok              ok               ok
suspended             account_not_active  ok               ok               ok              ok              ok               ok
deleted               ok                  ok               ok               ok              ok              ok               ok

explore               author              follower         stranger         blocked         blocker         muting           moderator
public                -                   +                +                -               -               -                +
private               -                   -                -                -               -               -                -
banned                -                   -                -                -               -               -                -
suspended             account_not_active  -                -                -               -               -                -
deleted               -                   -                -                -               -               -                -

list_comments         author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

create_comment        author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  ok               ok               post_not_found  post_not_found  ok               ok
private               ok                  ok               post_not_found   post_not_found  post_not_found  ok               ok
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   ok
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

like_comment          author              follower           stranger           blocked            blocker            muting             moderator
public                ok                  ok                 ok                 comment_not_found  comment_not_found  ok                 ok
private               ok                  ok                 comment_not_found  comment_not_found  comment_not_found  ok                 ok
banned                ok                  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  ok
suspended             account_not_active  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  ok
deleted               comment_not_found   comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found

unlike_comment        author              follower           stranger           blocked            blocker            muting             moderator
public                ok                  ok                 ok                 comment_not_found  comment_not_found  ok                 ok
private               ok                  ok                 comment_not_found  comment_not_found  comment_not_found  ok                 ok
banned                ok                  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  ok
suspended             account_not_active  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  ok
deleted               comment_not_found   comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found

delete_comment        author              follower           stranger           blocked            blocker            muting             moderator
public                ok                  not_your_comment   not_your_comment   comment_not_found  comment_not_found  not_your_comment   not_your_comment
private               ok                  not_your_comment   comment_not_found  comment_not_found  comment_not_found  not_your_comment   not_your_comment
banned                ok                  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  not_your_comment
suspended             account_not_active  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  not_your_comment
deleted               comment_not_found   comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found  comment_not_found

edit_post             author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  not_your_post    not_your_post    post_not_found  post_not_found  not_your_post    not_your_post
private               ok                  not_your_post    post_not_found   post_not_found  post_not_found  not_your_post    not_your_post
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   not_your_post
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   not_your_post
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found

delete_post           author              follower         stranger         blocked         blocker         muting           moderator
public                ok                  not_your_post    not_your_post    post_not_found  post_not_found  not_your_post    not_your_post
private               ok                  not_your_post    post_not_found   post_not_found  post_not_found  not_your_post    not_your_post
banned                ok                  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   not_your_post
suspended             account_not_active  post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   not_your_post
deleted               post_not_found      post_not_found   post_not_found   post_not_found  post_not_found  post_not_found   post_not_found
";

/// What `viewer` gets of `operation` on what `author` made.
fn expected(operation: &str, author: &str, viewer: &str) -> &'static str {
    let table = TABLES.trim().split("\n\n").find_map(|table| {
        let mut rows = table.lines().map(|row| row.split_whitespace());
        let mut head = rows.next()?;
        (head.next() == Some(operation)).then_some((head, rows))
    });
    let (mut columns, mut rows) = table.unwrap_or_else(|| panic!("no table for {operation}"));
    let column = columns.position(|name| name == viewer).unwrap();
    let mut row = rows.find(|row| row.clone().next() == Some(author)).unwrap();
    row.nth(1 + column).unwrap()
}

struct Scene {
    stack: Stack,
    viewers: Vec<User>,
}

impl Scene {
    async fn set() -> Self {
        // A viewer may be refused as soon as they are to be.
        let builder = Stack::builder().setting("like-check-ttl", "0s");
        let stack = builder.start().await;
        let mut viewers = Vec::new();
        for name in &VIEWERS[1..] {
            viewers.push(stack.user(name).await);
        }
        let scene = Self { stack, viewers };
        scene.stack.make_moderator(scene.viewer("moderator")).await;
        scene
    }

    /// Whoever has this column, except for the author.
    fn viewer(&self, name: &str) -> &User {
        let column = VIEWERS.iter().position(|viewer| *viewer == name);
        &self.viewers[column.unwrap() - 1]
    }

    /// An author who is `how`, with their post and what they say about it, whom
    /// the others know.
    async fn author(&self, how: &str) -> (User, Value, Value) {
        let author = self.stack.user(how).await;
        for name in ["follower", "blocked", "blocker", "muting"] {
            self.viewer(name).follow(&author).await;
        }
        author.block(self.viewer("blocked")).await;
        self.viewer("blocker").block(&author).await;
        self.viewer("muting").mute(&author).await;
        let post = author.publish("#hello").await;
        let comment = author.comment(&post, "hello").await;
        let likes = self.viewers.iter().chain([&author]);
        let likes = likes.map(|user| planted::like(user, &post, 1_000));
        let stored = planted::likes(&self.stack).insert_many(likes).await;
        stored.unwrap();
        let saves = self.viewers.iter().chain([&author]);
        let saves = saves.map(|user| planted::save(user, &post, 1_000));
        let stored = planted::saves(&self.stack).insert_many(saves).await;
        stored.unwrap();
        match how {
            "private" => author.make_private().await,
            "banned" => self.stack.shadow_ban(&author).await,
            "suspended" => self.stack.suspend(&author).await,
            "deleted" => {
                author.delete(&path(&post)).await.expect(204);
            }
            _ => {}
        }
        (author, post, comment)
    }
}

async fn call(
    client: &Client,
    route: &RouteInfo,
    author: &User,
    post: &Value,
    comment: &Value,
) -> Response {
    let method: Method = route.method.as_str().parse().unwrap();
    let id = match route.name {
        "author_posts" => &author.id,
        "delete_comment" | "like_comment" | "unlike_comment" => comment["_id"].as_str().unwrap(),
        _ => post["_id"].as_str().unwrap(),
    };
    let path = route.path.replace("{id}", id).replace("{tag}", "hello");
    let query = match route.name {
        "search_posts" => "?q=hello&limit=100",
        "explore" => "?limit=100",
        _ => "",
    };
    let request = client.request(method, &format!("{path}{query}"));
    let body = match route.name {
        "create_post" | "create_comment" => Some(json!({ "content": "hi" })),
        "edit_post" => Some(json!({ "caption": format!("edited {}", rand::random::<u64>()) })),
        _ => None,
    };
    client
        .send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
}

/// An answer in the words of the tables.
fn told(route: &RouteInfo, answer: &Response, post: &Value) -> String {
    if answer.status >= 400 {
        return answer.problem().code;
    }
    let body = answer.json();
    let items = body["items"].as_array();
    let is_of_posts = !["likers", "list_comments", "trending_hashtags"].contains(&route.name);
    let Some(items) = items.filter(|_| is_of_posts) else {
        return "ok".to_owned();
    };
    let has_it = items.iter().any(|item| item["_id"] == post["_id"]);
    if has_it { "+" } else { "-" }.to_owned()
}

#[tokio::test]
async fn everybody_gets_what_is_for_their_eyes() {
    let scene = Scene::set().await;
    // Past the gateway, where whoever is suspended is not logged in any more.
    let inside = scene.stack.posts_insider();
    let mut wrong = Vec::new();
    let routes = posts::routes();
    let mut routes: Vec<_> = routes.iter().collect();
    // Nothing can be done to what is gone.
    routes.sort_by_key(|route| match route.name {
        "delete_post" => 2,
        "delete_comment" => 1,
        _ => 0,
    });
    for how in AUTHORS {
        let (author, post, comment) = scene.author(how).await;
        // The author last: what they do, they do to the post.
        let everybody = scene.viewers.iter().chain([&author]);
        let names = VIEWERS[1..].iter().chain([&VIEWERS[0]]);
        for route in &routes {
            for (viewer, name) in everybody.clone().zip(names.clone()) {
                let viewer = viewer.at(&inside);
                let answer = call(&viewer, route, &author, &post, &comment).await;
                let (told, expected) =
                    (told(route, &answer, &post), expected(route.name, how, name));
                if told != expected {
                    wrong.push(format!(
                        "{} of {how} as {name}: {told}, not {expected}",
                        route.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn whoever_shows_no_token_gets_nothing() {
    let scene = Scene::set().await;
    let (author, post, comment) = scene.author("public").await;
    let stranger = scene.stack.posts_insider();
    for route in posts::routes().iter() {
        assert_eq!(route.access, Access::Account, "{}", route.name);
        let answer = call(&stranger, route, &author, &post, &comment).await;
        answer.expect_problem(401, "missing_token");
    }
    author.get(&path(&post)).await.expect(200);
}

#[test]
fn every_table_is_of_an_operation() {
    let routes = posts::routes();
    for table in TABLES.trim().split("\n\n") {
        let operation = table.split_whitespace().next().unwrap();
        let known = routes.iter().any(|route| route.name == operation);
        assert!(known, "{operation}");
    }
}
