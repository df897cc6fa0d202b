use std::sync::Arc;

use domain::{Role, UserId};
use serde_json::Value;
use testkit::{Stack, User};

use super::standing::Standing;

/// What everybody has in common.
pub(super) struct Place {
    /// Follows and is followed by every author.
    pub(super) host: User,
    /// Of the host: where every author says something.
    pub(super) post: Value,
    /// Of the host, under that post.
    pub(super) comment: Value,
    /// Follows every author, and is followed by every viewer.
    pub(super) bridge: User,
}

impl Place {
    pub(super) async fn set(stack: &Stack) -> Self {
        let (host, bridge) = tokio::join!(stack.user("host"), stack.user("bridge"));
        let post = host.publish("anybody may say something here").await;
        Self {
            comment: host.comment(&post, "well?").await,
            post,
            host,
            bridge,
        }
    }
}

/// Somebody who looks, and an author who has left traces everywhere.
pub(super) struct Pair {
    pub(super) standing: Standing,
    pub(super) role: Role,
    pub(super) viewer: User,
    pub(super) author: User,
    pub(super) place: Arc<Place>,
    pub(super) post: Value,
    /// In `post`, and nowhere else.
    pub(super) word: String,
    /// What the author says about the host's post, and to the host's comment.
    pub(super) comment: Value,
    pub(super) reply: Value,
    /// What the host says to the author's comment, and about the author's post.
    pub(super) answer: Value,
    pub(super) remark: Value,
}

impl Pair {
    /// The viewer likes and has saved the post; the author asks to follow the viewer.
    pub(super) async fn meet(
        stack: &Stack,
        place: Arc<Place>,
        standing: Standing,
        role: Role,
        [viewer, author]: [User; 2],
    ) -> Self {
        if role == Role::Moderator {
            stack.make_moderator(&viewer).await;
        }
        let host = &place.host;
        let word = format!("w{}", author.id);
        let post = author.publish(&format!("#{word} a word: {word}")).await;
        for (by, of) in [
            (host, &author),
            (&author, host),
            (&place.bridge, &author),
            (&viewer, &place.bridge),
        ] {
            by.follow(of).await;
        }
        let comment = author.comment(&place.post, "I say").await;
        let reply = author.reply(&place.comment, "well!").await;
        author.like(&place.post).await;
        let answer = host.reply(&comment, "you say").await;
        let remark = host.comment(&post, "indeed").await;
        host.like(&post).await;
        viewer.like(&post).await;
        viewer.save(&post).await;
        viewer.make_private().await;
        assert_eq!(author.follow(&viewer).await["requested"], true);
        if standing.begins_with_a_follow() {
            viewer.follow(&author).await;
        }
        Self {
            standing,
            role,
            viewer,
            author,
            place,
            post,
            word,
            comment,
            reply,
            answer,
            remark,
        }
    }

    /// The ids of the two: whoever looks first.
    pub(super) fn ids(&self) -> [UserId; 2] {
        [&self.viewer, &self.author].map(|user| user.id.parse().unwrap())
    }
}

/// The id of a document that the API has shown.
pub(super) fn id(document: &Value) -> &str {
    document["_id"].as_str().unwrap()
}
