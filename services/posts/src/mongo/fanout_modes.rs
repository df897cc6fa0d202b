use bson::{Bson, doc};
use bus::job_row;
use contracts::{
    jobs::v1::{FanoutChanged, UpdateFeeds, job::Work, update_feeds::Change},
    topology::FEED_UPDATES,
};
use domain::{Timestamp, UserId};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::{Collection, error::Result};
use serde::{Deserialize, Serialize};
use store::{Operation, Outbox, Store, StoreError};

use super::indexes::FANOUT_MODES;

/// How the posts of an author reach the feeds of their followers, if not by
/// being written to them: a document of `fanout_modes`. Most authors have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FanoutMode {
    #[serde(rename = "_id")]
    pub(crate) author: UserId,
    pub(crate) state: FanoutState,
    /// Another one at each change, so that a job of an earlier one is known.
    pub(crate) version: i64,
}

/// In each of them, feeds merge the author's posts when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FanoutState {
    /// The followers' feeds are being told; posts are still written to them.
    Pulling,
    /// Posts are not written any more.
    Pulled,
    /// Posts are written again, and those that were not are being made up for.
    Pushing,
}

impl FanoutState {
    /// The word for it, as it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pulling => "pulling",
            Self::Pulled => "pulled",
            Self::Pushing => "pushing",
        }
    }
}

impl From<FanoutState> for Bson {
    /// As it is stored, for filters.
    fn from(state: FanoutState) -> Self {
        Self::String(state.as_str().to_owned())
    }
}

/// The `fanout_modes` collection.
#[derive(Clone)]
pub(crate) struct FanoutModes {
    store: Store,
    modes: Collection<FanoutMode>,
    outbox: Outbox,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: FANOUT_MODES,
        name,
    }
}

impl FanoutModes {
    pub(crate) fn new(store: &Store, outbox: Outbox) -> Self {
        Self {
            store: store.clone(),
            modes: store.collection(FANOUT_MODES),
            outbox,
        }
    }

    /// The mode of `author`; `None`: their posts are written to feeds.
    pub(crate) async fn find(
        &self,
        author: UserId,
    ) -> std::result::Result<Option<FanoutMode>, StoreError> {
        let modes = self.modes.clone();
        let find = async move { modes.find_one(doc! { "_id": author }).await };
        self.store.run(operation("find"), find).await
    }

    /// Those of `authors` whose posts are merged when feeds are read.
    pub(crate) async fn merged_of(
        &self,
        authors: &[UserId],
    ) -> std::result::Result<Vec<UserId>, StoreError> {
        let filter = doc! { "_id": { "$in": authors } };
        let modes = self.modes.clone();
        let find = async move { modes.find(filter).await?.try_collect().await };
        let found: Vec<FanoutMode> = self.store.run(operation("merged_of"), find).await?;
        Ok(found.into_iter().map(|mode| mode.author).collect())
    }

    /// Begins a change of the mode of `author` from `before`, together with the
    /// job that tells the followers' feeds. False if it is another one by now.
    pub(crate) async fn begin(
        &self,
        author: UserId,
        before: Option<FanoutMode>,
        state: FanoutState,
        version: i64,
        now: Timestamp,
    ) -> std::result::Result<bool, StoreError> {
        let update = UpdateFeeds {
            author_id: author.to_string(),
            change: Some(Change::FanoutChanged(FanoutChanged { version })),
            ..UpdateFeeds::default()
        };
        let row = job_row(FEED_UPDATES, Work::UpdateFeeds(update), now);
        let mode = FanoutMode {
            author,
            state,
            version,
        };
        let this = self.clone();
        let has_begun = self
            .store
            .transaction(operation("begin"), move |transaction| {
                let (this, row) = (this.clone(), row.clone());
                async move {
                    let find = this.modes.find_one(doc! { "_id": author });
                    if find.session(&mut *transaction).await? != before {
                        return Ok(false);
                    }
                    let replace = this.modes.replace_one(doc! { "_id": author }, mode);
                    replace.upsert(true).session(&mut *transaction).await?;
                    this.outbox.put(transaction, &[row]).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await?;
        self.outbox.wake();
        Ok(has_begun)
    }

    /// Ends the change that led to `mode`: every feed has been told.
    pub(crate) async fn end(&self, mode: FanoutMode) -> std::result::Result<(), StoreError> {
        let modes = self.modes.clone();
        let own = doc! { "_id": mode.author, "state": mode.state, "version": mode.version };
        let end = async move {
            match mode.state {
                FanoutState::Pulling => {
                    let pulled = doc! { "$set": { "state": FanoutState::Pulled } };
                    modes.update_one(own, pulled).await?;
                }
                FanoutState::Pushing => {
                    modes.delete_one(own).await?;
                }
                FanoutState::Pulled => {}
            }
            Result::Ok(())
        };
        self.store.run(operation("end"), end).await
    }
}
