//! What a person does about others, and who may see them.

use serde_json::{Value, json};

use super::User;

impl User {
    /// Blocks `other`, which ends what follows there are between the two.
    pub async fn block(&self, other: &Self) {
        self.hold(other, "block").await;
    }

    /// Blocks `other` no more.
    pub async fn unblock(&self, other: &Self) {
        self.release(other, "block").await;
    }

    /// Mutes `other`.
    pub async fn mute(&self, other: &Self) {
        self.hold(other, "mute").await;
    }

    /// Mutes `other` no more.
    pub async fn unmute(&self, other: &Self) {
        self.release(other, "mute").await;
    }

    /// Only accepted followers see what is posted from now on.
    pub async fn make_private(&self) {
        self.set_private(true).await;
    }

    /// Everybody may see what is posted; whoever has asked to follow is
    /// accepted in a moment.
    pub async fn make_public(&self) {
        self.set_private(false).await;
    }

    /// Accepts `other`, who has asked to follow.
    pub async fn accept(&self, other: &Self) -> Value {
        self.answer(other, "accept").await
    }

    /// Declines what `other` has asked for.
    pub async fn decline(&self, other: &Self) -> Value {
        self.answer(other, "decline").await
    }

    async fn hold(&self, other: &Self, what: &str) {
        let path = format!("/api/users/{}/{what}", other.id);
        self.post_empty(&path).await.expect(204);
    }

    async fn release(&self, other: &Self, what: &str) {
        let path = format!("/api/users/{}/{what}", other.id);
        self.delete(&path).await.expect(204);
    }

    async fn set_private(&self, is_private: bool) {
        let change = json!({ "is_private": is_private });
        self.patch("/api/users/me", &change).await.expect(200);
    }

    async fn answer(&self, other: &Self, answer: &str) -> Value {
        let path = format!("/api/users/me/follow-requests/{}/{answer}", other.id);
        self.post_empty(&path).await.expect(200)
    }
}
