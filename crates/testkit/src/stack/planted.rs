//! What people cannot do themselves yet, written straight into MongoDB.
//! Services are not told; they see it when they next look.

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

use crate::{Stack, User};

impl Stack {
    /// Only those whom `user` has accepted see what `user` posts from now on.
    pub async fn make_private(&self, user: &User) {
        self.set(user, doc! { "is_private": true }).await;
    }

    /// Nobody but `user` sees `user` from now on, and `user` is not told.
    pub async fn shadow_ban(&self, user: &User) {
        self.set(user, doc! { "isShadowBanned": true }).await;
    }

    /// `user` is gone until further notice.
    pub async fn suspend(&self, user: &User) {
        self.set(user, doc! { "status": "suspended" }).await;
    }

    /// `user` sees what moderators see.
    pub async fn make_moderator(&self, user: &User) {
        self.set(user, doc! { "role": "moderator" }).await;
    }

    /// `user` blocks `other`. Follows that there are stay.
    pub async fn block(&self, user: &User, other: &User) {
        self.plant_block(user, other, "block").await;
    }

    /// `user` mutes `other`.
    pub async fn mute(&self, user: &User, other: &User) {
        self.plant_block(user, other, "mute").await;
    }

    async fn set(&self, user: &User, fields: Document) {
        let users = self.mongodb().collection::<Document>("users");
        let filter = doc! { "_id": id_of(user) };
        let done = users.update_one(filter, doc! { "$set": fields }).await;
        assert_eq!(done.unwrap().matched_count, 1, "{}", user.username);
    }

    async fn plant_block(&self, user: &User, other: &User, kind: &str) {
        let block = doc! {
            "_id": ObjectId::new(),
            "user_id": id_of(user),
            "blocked_id": id_of(other),
            "kind": kind,
            "created_at": DateTime::now(),
        };
        let blocks = self.mongodb().collection::<Document>("blocks");
        blocks.insert_one(block).await.unwrap();
    }
}

fn id_of(user: &User) -> ObjectId {
    ObjectId::parse_str(&user.id).expect("an id of MongoDB")
}
