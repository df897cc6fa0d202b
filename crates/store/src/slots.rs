use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bson::{Bson, Document, doc};
use futures_util::future::BoxFuture;
use mongodb::{
    ClientSession, Collection,
    error::{Error, ErrorKind, Result, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure},
    options::ReturnDocument,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::{Instant, sleep, timeout_at},
};

use crate::{Operation, Store, StoreError, count_retry, pause_before};

/// An attempt that was ended by the server and had lasted so long may have been
/// ended for its length: no server can be told to allow less.
const LONG: Duration = Duration::from_secs(1);

/// Transactions that run in named slots, one at a time in each.
///
/// A process that is killed within a transaction leaves it open, and what it
/// has written locked, until the server finds it too old. So the document of a
/// slot says which session may have a transaction open in it, and whoever takes
/// the slot kills that session first. A transaction begins by reading the
/// document, so that one which comes late, after somebody else took the slot,
/// changes nothing. Live processes had better not want the same slot at once:
/// they end each other's transactions until one was quick enough.
///
/// Where MongoDB asks for credentials, a user may kill the sessions of that user
/// without any further privilege.
#[derive(Clone, Debug)]
pub struct Slots {
    store: Store,
    name: &'static str,
    documents: Collection<Slot>,
    sessions: Arc<Mutex<HashMap<&'static str, SharedSession>>>,
}

/// The session of this process for a slot, once there is one. It stays the same:
/// what a failure left open in it ends when its next transaction begins.
type SharedSession = Arc<AsyncMutex<Option<ClientSession>>>;

#[derive(Debug, Serialize, Deserialize)]
struct Slot {
    #[serde(rename = "_id")]
    name: String,
    /// Those that may have a transaction open; the last is the holder, which
    /// may begin one once it is the only one.
    sessions: Vec<Bson>,
}

impl Slots {
    /// Slots noted in the collection `name` of this service.
    #[must_use]
    pub fn new(store: &Store, name: &'static str) -> Self {
        Self {
            store: store.clone(),
            name,
            documents: store.collection(name),
            sessions: Arc::default(),
        }
    }

    /// Runs `work` in a transaction in `slot`, again as often as it comes to
    /// nothing for a reason that passes within the time limit, with growing
    /// pauses. `work` may have been committed although this fails, so it must
    /// be harmless to repeat.
    ///
    /// An attempt that the server ended for its length is not repeated, since
    /// the next would be as long: it is [`StoreError::TooLong`].
    pub async fn transaction<T, W>(
        &self,
        slot: &'static str,
        operation: Operation,
        mut work: W,
    ) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnMut(&'a mut ClientSession) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        let (this, deadline) = (self.clone(), Instant::now() + self.store.timeout);
        let in_slot = async move {
            let mut session = this.session(slot).await;
            let store = this.store.clone();
            // The caller stops waiting at the deadline, and so must who keeps the next one waiting.
            let attempts = async move {
                let attempts = this.attempts(slot, operation, &mut session, &mut work);
                let done = timeout_at(deadline, attempts).await;
                done.unwrap_or(Err(StoreError::Timeout))
            };
            store.in_turn(attempts).await
        };
        self.store.measure(operation, in_slot).await
    }

    /// The session for `slot`, once nobody in this process uses it.
    async fn session(&self, slot: &'static str) -> OwnedMutexGuard<Option<ClientSession>> {
        let session = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sessions.entry(slot).or_default())
        };
        session.lock_owned().await
    }

    async fn attempts<T, W>(
        &self,
        slot: &'static str,
        operation: Operation,
        session: &mut Option<ClientSession>,
        work: &mut W,
    ) -> std::result::Result<T, StoreError>
    where
        W: for<'a> FnMut(&'a mut ClientSession) -> BoxFuture<'a, Result<T>>,
    {
        let session = match session {
            Some(session) => session,
            None => session.insert(self.store.client.start_session().await?),
        };
        let mut attempt = 0;
        loop {
            sleep(pause_before(attempt)).await;
            attempt += 1;
            let began = Instant::now();
            let error = match self.attempt(slot, session, work).await {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => {
                    match self.take(slot, session).await.map_err(StoreError::from) {
                        // Or somebody else did, at the same moment: the next attempt will tell.
                        Err(error) if error.duplicate_index().is_some() => {}
                        taken => taken?,
                    }
                    continue;
                }
                Err(error) => error,
            };
            if StoreError::is_end_of_transaction(&error) && began.elapsed() > LONG {
                return Err(StoreError::TooLong(error));
            }
            if !StoreError::is_passing(&error) {
                abort(session).await;
                return Err(error.into());
            }
            count_retry(operation);
        }
    }

    /// One transaction; `None` if the slot is not this process's.
    async fn attempt<T, W>(
        &self,
        slot: &'static str,
        session: &mut ClientSession,
        work: &mut W,
    ) -> Result<Option<T>>
    where
        W: for<'a> FnMut(&'a mut ClientSession) -> BoxFuture<'a, Result<T>>,
    {
        // An attempt that came to nothing, or was given up at its deadline, may have left one open.
        abort(session).await;
        session.start_transaction().await?;
        if !self.is_held(slot, session).await? {
            return Ok(None);
        }
        let done = work(session).await?;
        loop {
            match session.commit_transaction().await {
                Ok(()) => return Ok(Some(done)),
                // To be asked until it is known; the deadline ends that, too.
                Err(error) if is_unknown(&error) => sleep(pause_before(1)).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether `session` is the only one that may have a transaction open in
    /// `slot`, as its transaction sees it.
    async fn is_held(&self, slot: &'static str, session: &mut ClientSession) -> Result<bool> {
        let own = id_of(session);
        let find = self.documents.find_one(doc! { "_id": slot });
        let found = find.session(session).await?;
        Ok(found.is_some_and(|slot| slot.sessions == [own]))
    }

    /// Makes `session` the holder of `slot`, and ends what others have open in it.
    async fn take(&self, slot: &'static str, session: &mut ClientSession) -> Result<()> {
        let own = id_of(session);
        let others = doc! { "$setDifference": [{ "$ifNull": ["$sessions", []] }, [own.clone()]] };
        let enter = doc! { "$set": {
            "sessions": { "$concatArrays": [others, [own.clone()]] },
            "at": "$$NOW",
        } };
        let taken = self
            .documents
            .find_one_and_update(doc! { "_id": slot }, vec![enter])
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await?;
        let sessions = taken.map(|slot| slot.sessions).unwrap_or_default();
        let others: Vec<Document> = sessions
            .iter()
            .filter(|id| **id != own)
            .map(|id| doc! { "id": id })
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        let count = others.len() as u64;
        let kill = doc! { "killSessions": others };
        self.store.database.run_command(kill).await?;
        metrics::counter!("mongodb_sessions_killed_total", "slots" => self.name).increment(count);
        tracing::info!(slots = self.name, slot, count, "slot taken over");
        // Unless somebody came in between.
        let alone = doc! { "$set": { "sessions": [own] } };
        let unchanged = doc! { "_id": slot, "sessions": sessions };
        self.documents.update_one(unchanged, alone).await?;
        Ok(())
    }
}

/// Without a transaction there is nothing to abort, and what cannot be aborted
/// ends when the next begins.
async fn abort(session: &mut ClientSession) {
    let _ = session.abort_transaction().await;
}

/// What the server knows a session by.
fn id_of(session: &ClientSession) -> Bson {
    session.id().get("id").cloned().unwrap_or(Bson::Null)
}

/// Whether it may have been committed. Who is killed while a majority is waited
/// for is told so as a write concern error, without the label.
fn is_unknown(error: &Error) -> bool {
    error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
        || matches!(
            error.kind.as_ref(),
            ErrorKind::Write(WriteFailure::WriteConcernError(_))
        )
}
