//! Two people do the same, and one of them is shadow-banned.

use serde_json::{Value, json};
use testkit::{Method, Response, Stack, User, eventually};

use super::{SOON, likeness::differences, pair::id};

/// One of the two, and those around them, who are others for each.
struct Twin {
    user: User,
    /// Whose posts they see.
    host: User,
    /// Whoever sees theirs.
    friend: User,
    post: Value,
    place: Value,
    comment: Value,
}

impl Twin {
    async fn grow_up(stack: &Stack) -> Self {
        let (user, host, friend) =
            tokio::join!(stack.user("twin"), stack.user("host"), stack.user("friend"));
        friend.follow(&user).await;
        user.follow(&host).await;
        let post = user.publish("the first #word of mine").await;
        friend.like(&post).await;
        friend.comment(&post, "indeed").await;
        friend.save(&post).await;
        let place = host.publish("anybody may say something here").await;
        let comment = host.comment(&place, "well?").await;
        let twin = Self {
            user,
            host,
            friend,
            post,
            place,
            comment,
        };
        eventually(SOON, async || {
            let path = format!("/api/posts/{}", id(&twin.post));
            let (me, post) = (twin.user.me().await, twin.user.get(&path).await.json());
            let counts = [
                &me["followers_count"],
                &me["following_count"],
                &me["posts_count"],
            ];
            let of_post = ["likes_count", "comments_count", "saves_count"];
            counts.into_iter().all(|it| *it == 1) && of_post.iter().all(|it| post[*it] == 1)
        })
        .await;
        twin
    }

    fn people(&self) -> [&User; 3] {
        [&self.user, &self.host, &self.friend]
    }

    /// Waits until auth has been told, which happens behind the answer.
    async fn has_posts(&self, count: u64) {
        eventually(SOON, async || self.user.me().await["posts_count"] == count).await;
    }

    /// Does everything, and looks at everything.
    async fn live(&self) -> Vec<(&'static str, Response)> {
        let mut life = Life {
            user: &self.user,
            answers: Vec::new(),
        };
        let (host, post, place) = (&self.host.id, id(&self.post), id(&self.place));
        let comments = format!("/api/posts/{place}/comments");
        let text = json!({ "content": "I say", "parent_id": null });
        let reply = json!({ "content": "well!", "parent_id": id(&self.comment) });

        let said = life.send("comment", Method::POST, &comments, text).await;
        life.send("reply", Method::POST, &comments, reply).await;
        let said = format!("/api/comments/{}", id(&said));
        life.ask("like own comment", Method::POST, &format!("{said}/like"))
            .await;
        life.see("comments", &comments).await;
        let replies = format!("{comments}?parent_id={}", id(&self.comment));
        life.see("replies", &replies).await;
        let place = format!("/api/posts/{place}");
        life.ask("like", Method::POST, &format!("{place}/like"))
            .await;
        life.see("likers", &format!("{place}/likes")).await;
        life.ask("save", Method::POST, &format!("{place}/save"))
            .await;
        life.see("place", &place).await;
        life.see("liked", "/api/posts/liked").await;
        life.see("saved", "/api/posts/saved").await;
        life.ask("unlike", Method::DELETE, &format!("{place}/like"))
            .await;
        life.ask("unsave", Method::DELETE, &format!("{place}/save"))
            .await;
        life.ask("delete comment", Method::DELETE, &said).await;

        let word = format!("w{}", self.user.id);
        let body = json!({ "content": format!("the second #word of mine: {word}") });
        let second = life.send("publish", Method::POST, "/api/posts", body).await;
        let second = format!("/api/posts/{}", id(&second));
        self.has_posts(2).await;
        let body = json!({ "caption": format!("the second #word of mine, edited: {word}") });
        life.send("edit", Method::PATCH, &second, body).await;
        let post = format!("/api/posts/{post}");
        for (name, path) in [
            ("post", second.clone()),
            ("first post", post.clone()),
            ("likers of the first", format!("{post}/likes")),
            ("comments on the first", format!("{post}/comments")),
            ("page", format!("/api/posts/user/{}", self.user.id)),
            ("feed", "/api/posts/feed".to_owned()),
            ("search of posts", format!("/api/posts/search?q={word}")),
        ] {
            life.see(name, &path).await;
        }
        life.ask("delete", Method::DELETE, &second).await;
        self.has_posts(1).await;

        let (me, them) = (&self.user.id, format!("/api/users/{host}"));
        for (name, path) in [
            ("profile", format!("/api/users/{me}")),
            (
                "profile by name",
                format!("/api/users/@{}", self.user.username),
            ),
            ("followers", format!("/api/users/{me}/followers")),
            ("following", format!("/api/users/{me}/following")),
            ("followers of the host", format!("{them}/followers")),
            (
                "search",
                format!("/api/users/search?q={}", self.user.username),
            ),
            ("requests", "/api/users/me/follow-requests".to_owned()),
        ] {
            life.see(name, &path).await;
        }
        for act in ["follow", "mute", "block"] {
            for method in [Method::DELETE, Method::POST, Method::DELETE] {
                life.ask(act, method, &format!("{them}/{act}")).await;
            }
        }
        let report = json!({ "target_type": "user", "target_id": host, "reason": "spam" });
        life.send("report", Method::POST, "/api/reports", report)
            .await;
        let bio = json!({ "bio": "nothing has happened" });
        life.send("update", Method::PATCH, "/api/users/me", bio)
            .await;
        life.see("me", "/api/auth/me").await;
        life.answers
    }
}

/// What somebody does, and what they are answered.
struct Life<'a> {
    user: &'a User,
    answers: Vec<(&'static str, Response)>,
}

impl Life<'_> {
    async fn see(&mut self, name: &'static str, path: &str) {
        self.ask(name, Method::GET, path).await;
    }

    async fn ask(&mut self, name: &'static str, method: Method, path: &str) {
        let answer = self.user.send(self.user.request(method, path)).await;
        self.answers.push((name, answer));
    }

    async fn send(&mut self, name: &'static str, method: Method, path: &str, body: Value) -> Value {
        let request = self.user.request(method, path).json(&body);
        let answer = self.user.send(request).await;
        let shown = answer.json();
        self.answers.push((name, answer));
        shown
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_shadow_banned_cannot_tell() {
    let stack = Stack::builder().patient().start().await;
    let (banned, free) = tokio::join!(Twin::grow_up(&stack), Twin::grow_up(&stack));
    stack.shadow_ban(&banned.user).await;
    // It has an effect.
    let path = format!("/api/posts/{}", id(&banned.post));
    banned.friend.get(&path).await.expect(404);

    let (told, untold) = tokio::join!(banned.live(), free.live());
    let mut wrong = Vec::new();
    for ((name, one), (_, other)) in told.iter().zip(&untold) {
        assert!(other.status < 300, "{name}: {other:?}");
        let found = differences((one, &banned.people()), (other, &free.people()));
        wrong.extend(found.iter().map(|it| format!("{name}: {it}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
