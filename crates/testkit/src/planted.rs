//! What people cannot do themselves yet, done as the operations to come will do
//! it: the change and its event in one transaction, then the copies forgotten.

use bus::event_row;
use cache::{Cache, RedisSettings, forget, keys};
use contracts::events::v1::{UserChanged, event::Fact};
use domain::UserId;
use mongodb::bson::{Document, RawDocumentBuf, doc, serialize_to_raw_document_buf};
use runtime::{Clock, SystemClock};

use crate::{Deployment, User};

impl Deployment {
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

    async fn set_standing(&self, user: &User, fields: Document) {
        self.change_user(user, fields, true).await;
    }

    async fn change_user(&self, user: &User, fields: Document, standing_changed: bool) {
        let id: UserId = user.id.parse().expect("an id");
        let fact = Fact::UserChanged(UserChanged {
            user_id: user.id.clone(),
            standing_changed,
        });
        self.commit(id, fields, fact).await;
        self.forget(&[keys::user(id), keys::feed_version(id)]).await;
    }

    /// Writes, and leaves the event to the relay of auth.
    async fn commit(&self, id: UserId, fields: Document, fact: Fact) {
        let mongodb = self.sandbox().mongodb();
        let users = mongodb.collection::<Document>("users");
        let outbox = mongodb.collection::<RawDocumentBuf>("auth_outbox");
        let row = event_row(fact, SystemClock.now());
        let row = serialize_to_raw_document_buf(&row).unwrap();
        let (own, set) = (doc! { "_id": id }, doc! { "$set": fields });
        let mut session = mongodb.client().start_session().await.unwrap();
        let transaction = session.start_transaction().and_run2(async |session| {
            let update = users.update_one(own.clone(), set.clone());
            let done = update.session(&mut *session).await?;
            assert_eq!(done.matched_count, 1, "{own}");
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
