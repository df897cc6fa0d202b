use bson::oid::ObjectId;
use bus::BusError;
use contracts::{
    jobs::v1::{Job, SetLike, job::Work},
    timestamp,
};
use domain::{LikedId, Reaction, UserId};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::{LikedKind, Likes};
use crate::intents::AppliedLike;

impl Likes {
    /// Accepts what `user_id` thinks of a thing from now on. When this is `Ok`,
    /// the broker has it, and it will be applied; otherwise nobody knows.
    ///
    /// What has begun is brought to its end, also when the client goes away:
    /// nobody is to see for long what was not accepted.
    pub(crate) async fn accept(
        &self,
        user_id: UserId,
        kind: LikedKind,
        liked_id: LikedId,
        reaction: Option<Reaction>,
    ) -> Result<(), BusError> {
        let (answer, answered) = oneshot::channel();
        let this = self.clone();
        let accepting = async move {
            let published = this.write_and_publish(user_id, kind, liked_id, reaction);
            let published = published.await;
            // Whoever asked may be gone.
            let _ = answer.send(published);
        };
        {
            let _entered = self.runtime.enter();
            self.shutdown.spawn(accepting.in_current_span());
        }
        // Without an answer the service was stopped.
        answered.await.unwrap_or(Err(BusError::NotConfirmed))
    }

    async fn write_and_publish(
        &self,
        user_id: UserId,
        kind: LikedKind,
        liked_id: LikedId,
        reaction: Option<Reaction>,
    ) -> Result<(), BusError> {
        let at = self.clock.now();
        let intents = &self.intents;
        let version = intents.put(user_id, liked_id, at, reaction.as_ref()).await;
        let set_like = SetLike {
            user_id: user_id.to_string(),
            subject: kind.subject().into(),
            subject_id: liked_id.to_string(),
            reaction: reaction.map(|reaction| reaction.to_string()),
        };
        let job = Job {
            id: ObjectId::new().to_hex(),
            accepted_at: Some(timestamp(at)),
            version,
            work: Some(Work::SetLike(set_like)),
            ..Job::default()
        };
        let published = self.jobs.publish(&liked_id.oid().bytes(), job).await;
        if published.is_ok() {
            intents.confirm(AppliedLike {
                user_id,
                liked_id,
                version,
            });
        } else {
            intents.take_back(user_id, liked_id, version).await;
        }
        published
    }
}
