//! What people cannot do themselves yet, done as the operations to come will do
//! it: the change and its event in one transaction, then the copies forgotten.

use bus::event_row;
use cache::{Cache, RedisSettings, forget, keys};
use contracts::events::v1::{BlockChanged, UserChanged, event::Fact};
use domain::UserId;
use mongodb::{
    ClientSession, Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, serialize_to_raw_document_buf},
};
use runtime::{Clock, SystemClock};

use crate::{Deployment, User};

/// A write to one document that must be there, or is made.
struct Write {
    collection: &'static str,
    filter: Document,
    update: Update,
}

enum Update {
    Set(Document),
    InsertIfAbsent(Document),
    Delete,
}

impl Deployment {
    /// Only those whom `user` has accepted see what `user` posts from now on.
    pub async fn make_private(&self, user: &User) {
        self.set_standing(user, doc! { "is_private": true }).await;
    }

    /// Everybody may see what `user` posts.
    pub async fn make_public(&self, user: &User) {
        self.set_standing(user, doc! { "is_private": false }).await;
    }

    /// Nobody but `user` sees `user` from now on, and `user` is not told.
    pub async fn shadow_ban(&self, user: &User) {
        self.set_standing(user, doc! { "isShadowBanned": true })
            .await;
    }

    /// The others see `user` again.
    pub async fn lift_shadow_ban(&self, user: &User) {
        self.set_standing(user, doc! { "isShadowBanned": false })
            .await;
    }

    /// `user` is gone until further notice.
    pub async fn suspend(&self, user: &User) {
        self.set_standing(user, doc! { "status": "suspended" })
            .await;
    }

    /// `user` is back.
    pub async fn reinstate(&self, user: &User) {
        self.set_standing(user, doc! { "status": "active" }).await;
    }

    /// `user` sees what moderators see.
    pub async fn make_moderator(&self, user: &User) {
        self.change_user(user, doc! { "role": "moderator" }, false)
            .await;
    }

    /// `user` blocks `other`. Follows that there are stay.
    pub async fn block(&self, user: &User, other: &User) {
        self.hold_against(user, other, "block").await;
    }

    /// `user` blocks `other` no more.
    pub async fn unblock(&self, user: &User, other: &User) {
        self.drop_against(user, other, "block").await;
    }

    /// `user` mutes `other`.
    pub async fn mute(&self, user: &User, other: &User) {
        self.hold_against(user, other, "mute").await;
    }

    /// `user` mutes `other` no more.
    pub async fn unmute(&self, user: &User, other: &User) {
        self.drop_against(user, other, "mute").await;
    }

    async fn set_standing(&self, user: &User, fields: Document) {
        self.change_user(user, fields, true).await;
    }

    async fn change_user(&self, user: &User, fields: Document, standing_changed: bool) {
        let id = id_of(user);
        let write = Write {
            collection: "users",
            filter: doc! { "_id": id },
            update: Update::Set(fields),
        };
        let fact = Fact::UserChanged(UserChanged {
            user_id: user.id.clone(),
            standing_changed,
        });
        self.commit(write, fact).await;
        self.forget(&[keys::user(id), keys::feed_version(id)]).await;
    }

    async fn hold_against(&self, user: &User, other: &User, kind: &str) {
        let created = doc! { "created_at": DateTime::now() };
        let update = Update::InsertIfAbsent(created);
        self.change_block(user, other, kind, update).await;
    }

    async fn drop_against(&self, user: &User, other: &User, kind: &str) {
        self.change_block(user, other, kind, Update::Delete).await;
    }

    async fn change_block(&self, user: &User, other: &User, kind: &str, update: Update) {
        let (one, two) = (id_of(user), id_of(other));
        let write = Write {
            collection: "blocks",
            filter: doc! { "user_id": one, "blocked_id": two, "kind": kind },
            update,
        };
        let fact = Fact::BlockChanged(BlockChanged {
            user_id: user.id.clone(),
            blocked_id: other.id.clone(),
        });
        self.commit(write, fact).await;
        self.forget(&[
            keys::relation(one, two),
            keys::relation(two, one),
            keys::feed_version(one),
            keys::feed_version(two),
        ])
        .await;
    }

    /// Writes, and leaves the event to the relay of auth.
    async fn commit(&self, write: Write, fact: Fact) {
        let mongodb = self.sandbox().mongodb();
        let documents = mongodb.collection::<Document>(write.collection);
        let outbox = mongodb.collection::<RawDocumentBuf>("auth_outbox");
        let row = event_row(fact, SystemClock.now());
        let row = serialize_to_raw_document_buf(&row).unwrap();
        let mut session = mongodb.client().start_session().await.unwrap();
        let transaction = session.start_transaction().and_run2(async |session| {
            write.run(&documents, &mut *session).await?;
            outbox.insert_one(&row).session(session).await
        });
        transaction.await.unwrap();
    }

    /// Tries to, as auth does. On a connection of its own: Redis may be another
    /// one by now.
    async fn forget(&self, keys: &[String]) {
        let cache = Cache::connect(&self.parse::<RedisSettings>(&[])).unwrap();
        // What it does not reach, the event does.
        let _ = forget(&cache, keys).await;
    }
}

impl Write {
    async fn run(
        &self,
        documents: &Collection<Document>,
        session: &mut ClientSession,
    ) -> mongodb::error::Result<()> {
        let filter = self.filter.clone();
        match &self.update {
            Update::Set(fields) => {
                let set = documents.update_one(filter, doc! { "$set": fields });
                let done = set.session(session).await?;
                assert_eq!(done.matched_count, 1, "{}", self.filter);
            }
            Update::InsertIfAbsent(fields) => {
                let set = documents.update_one(filter, doc! { "$setOnInsert": fields });
                set.upsert(true).session(session).await?;
            }
            Update::Delete => {
                documents.delete_one(filter).session(session).await?;
            }
        }
        Ok(())
    }
}

fn id_of(user: &User) -> UserId {
    user.id.parse().expect("an id")
}
