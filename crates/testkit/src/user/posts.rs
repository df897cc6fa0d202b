//! What a person does with posts and comments. Both go by the documents that
//! the API shows of them.

use serde_json::{Value, json};

use super::User;

impl User {
    /// Likes a post with the usual reaction.
    pub async fn like(&self, post: &Value) -> Value {
        let path = format!("/api/posts/{}/like", id(post));
        self.post_empty(&path).await.expect(200)
    }

    /// Likes a comment with the usual reaction.
    pub async fn like_comment(&self, comment: &Value) -> Value {
        let path = format!("/api/comments/{}/like", id(comment));
        self.post_empty(&path).await.expect(200)
    }

    /// Saves a post.
    pub async fn save(&self, post: &Value) -> Value {
        let path = format!("/api/posts/{}/save", id(post));
        self.post_empty(&path).await.expect(200)
    }

    /// Comments on a post; the comment.
    pub async fn comment(&self, post: &Value, text: &str) -> Value {
        let body = json!({ "content": text });
        self.say(id(post), &body).await
    }

    /// Replies to a comment; the reply.
    pub async fn reply(&self, comment: &Value, text: &str) -> Value {
        let body = json!({ "content": text, "parent_id": id(comment) });
        let post = comment["post_id"].as_str();
        self.say(post.unwrap_or_else(|| panic!("{comment}")), &body)
            .await
    }

    async fn say(&self, post: &str, body: &Value) -> Value {
        let path = format!("/api/posts/{post}/comments");
        self.post(&path, body).await.expect(201)
    }

    /// The first page of the list at `path`.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let page = self.get(path).await.expect(200);
        let items = page["items"].as_array();
        items.unwrap_or_else(|| panic!("{page}")).clone()
    }
}

fn id(document: &Value) -> &str {
    let id = document["_id"].as_str();
    id.unwrap_or_else(|| panic!("{document}"))
}
