//! The MongoDB kit: connect, run bounded and traced operations, transactions
//! with retry, snapshots, indexes; and what services build on these: the
//! outbox, idempotency records, leases, slots.
//!
//! The driver has no socket timeout, so a server that stops answering without
//! closing would hold its callers for ever. Every operation goes through
//! [`Store::run`], which gives it a name (span and metric), a time limit, and
//! an error whose kind is known.

mod command_log;
mod error;
mod idempotency;
mod lease;
mod outbox;
mod readable;
mod settings;
mod slots;
mod updates;
mod wakeup;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bson::{Document, doc};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use mongodb::{
    Client, ClientSession, Collection, Database, IndexModel,
    error::TRANSIENT_TRANSACTION_ERROR,
    options::{ClientOptions, IndexOptions, ReadConcern, WriteConcern},
};
use runtime::Readiness;
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tracing::{Instrument, field};

pub use error::StoreError;
pub use idempotency::{
    IDEMPOTENCY_INDEX, IdempotencyRecords, IdempotentAnswer, RepeatError, Repeatable,
};
pub use lease::{Lease, Round, Work};
pub use mongodb;
pub use outbox::{Outbox, OutboxRow};
pub use readable::{readable, readable_number};
pub use settings::MongoSettings;
pub use slots::Slots;
pub use wakeup::Wakeup;

/// Longest wait for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest pause before the second attempt of a transaction, and before any.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How often the driver looks whether the server answers.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A service's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    database: Database,
    timeout: Duration,
    turns: Arc<Semaphore>,
}

/// What an operation is called in spans and metrics.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The collection, as MongoDB names it.
    pub collection: &'static str,
    /// The verb, as the code names it: `find_by_email`.
    pub name: &'static str,
}

/// An index that a service owns.
#[derive(Clone, Debug)]
pub struct Index {
    /// Where it belongs.
    pub collection: &'static str,
    /// Its name, fixed so that duplicate-key errors can be told apart.
    pub name: &'static str,
    /// Fields and directions.
    pub keys: Document,
    /// Unique, partial, or TTL.
    pub options: IndexOptions,
}

impl Store {
    /// Prepares the connections; MongoDB need not be up yet.
    ///
    /// Writes are acknowledged by a majority and journaled, reads see only
    /// what a majority has: nothing acknowledged is lost by an election.
    pub async fn connect(
        settings: &MongoSettings,
        app_name: &'static str,
    ) -> Result<Self, StoreError> {
        let mut options = ClientOptions::parse(settings.mongodb_uri.expose_secret()).await?;
        options.app_name = Some(app_name.to_owned());
        options.max_pool_size = Some(settings.mongodb_pool_size);
        // A server that hangs is noticed after the sum of the two, and what waits for it is ended.
        options.connect_timeout = Some(settings.mongodb_timeout.min(CONNECT_TIMEOUT));
        options.heartbeat_freq = Some(HEARTBEAT);
        options.server_selection_timeout = Some(settings.mongodb_timeout);
        options.write_concern = Some(
            WriteConcern::builder()
                .w(mongodb::options::Acknowledgment::Majority)
                .journal(true)
                .build(),
        );
        options.read_concern = Some(ReadConcern::majority());
        if let Some(path) = &settings.mongodb_command_log {
            let handler = command_log::write_to(path).map_err(|error| {
                mongodb::error::Error::custom(format!("cannot write {}: {error}", path.display()))
            })?;
            options.command_event_handler = Some(handler);
        }
        let client = Client::with_options(options)?;
        let database = client.database(&settings.mongodb_database);
        Ok(Self {
            client,
            database,
            timeout: settings.mongodb_timeout,
            turns: Arc::new(Semaphore::new(settings.mongodb_pool_size as usize)),
        })
    }

    /// A collection of this service.
    #[must_use]
    pub fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.database.collection(name)
    }

    /// The database itself, for commands that the driver has no method for.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Runs one operation: named, traced, measured, and over within the time limit.
    ///
    /// The caller stops waiting then; the operation itself runs on in a task
    /// of its own. The driver hands out connections in turn and serves one
    /// waiting call per event, also those that nobody waits for any more: when
    /// a hundred callers had given up, it was observed never to catch up. At most as
    /// many operations run as there are connections; the rest wait for their
    /// turn here, where giving up is free.
    pub async fn run<T, F>(&self, operation: Operation, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
    {
        let work = work.map_err(StoreError::from).boxed();
        self.measure(operation, self.in_turn(work)).await
    }

    /// Gives `work` a name and a time limit.
    async fn measure<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Operation { collection, name } = operation;
        let span = tracing::info_span!(
            "mongodb",
            otel.name = %format_args!("mongodb.{collection}.{name}"),
            otel.kind = "client",
            otel.status_code = field::Empty,
            db.system.name = "mongodb",
            db.collection.name = collection,
            db.operation.name = name,
        );
        let started = Instant::now();
        let outcome = tokio::time::timeout(self.timeout, work.instrument(span.clone()))
            .await
            .unwrap_or(Err(StoreError::Timeout));
        if outcome.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        metrics::histogram!(
            "mongodb_operation_duration_seconds",
            "collection" => collection,
            "operation" => name,
            "outcome" => if outcome.is_ok() { "ok" } else { "error" },
        )
        .record(started.elapsed());
        outcome
    }

    async fn in_turn<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let permit = Arc::clone(&self.turns).acquire_owned().await;
        // Not a task of the drain: whoever asked is, and has its time limit.
        let running = tokio::spawn(
            async move {
                let _permit = permit;
                work.await
            }
            .in_current_span(),
        );
        // Only the end of the process cancels it.
        running.await.unwrap_or(Err(StoreError::Timeout))
    }

    /// Runs `work` in a transaction, again as often as the server asks for it
    /// within the time limit, with growing pauses. `work` must not do anything
    /// it cannot repeat.
    pub async fn transaction<T, W>(&self, operation: Operation, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnMut(&'a mut ClientSession) -> BoxFuture<'a, mongodb::error::Result<T>>
            + Send
            + 'static,
    {
        let client = self.client.clone();
        let transaction = async move {
            let mut session = client.start_session().await?;
            let start = session.start_transaction();
            start
                .and_run((work, 0), |session, (work, attempt)| {
                    let pause = pause_before(*attempt);
                    if *attempt > 0 {
                        count_retry(operation);
                    }
                    *attempt += 1;
                    async move {
                        tokio::time::sleep(pause).await;
                        work(session).await
                    }
                    .boxed()
                })
                .await
        };
        self.run(operation, transaction).await
    }

    /// Runs reads that all see one moment: what was committed before they began,
    /// and nothing of what is committed meanwhile. Reads that an election
    /// interrupts are repeated within the time limit.
    ///
    /// It is a transaction that is never committed. (A snapshot session of the
    /// driver leaves each collection its own read concern, which here is
    /// `majority`, so that every read would see another moment.)
    pub async fn snapshot<T, W>(&self, operation: Operation, mut work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnMut(&'a mut ClientSession) -> BoxFuture<'a, mongodb::error::Result<T>>
            + Send
            + 'static,
    {
        let (client, deadline) = (self.client.clone(), Instant::now() + self.timeout);
        let reads = async move {
            let mut session = client.start_session().await?;
            loop {
                let start = session.start_transaction();
                start.read_concern(ReadConcern::snapshot()).await?;
                let read = work(&mut session).await;
                // Nothing was written: whether this arrives does not matter.
                let _ = session.abort_transaction().await;
                match read {
                    Err(error)
                        if error.contains_label(TRANSIENT_TRANSACTION_ERROR)
                            && Instant::now() < deadline => {}
                    read => return read,
                }
            }
        };
        self.run(operation, reads).await
    }

    /// Creates the indexes that are missing. The same index under another name
    /// serves; one of the same name with other fields or options is an error,
    /// since dropping it is a decision.
    pub async fn ensure_indexes(&self, indexes: &[Index]) -> Result<(), StoreError> {
        for index in indexes {
            let mut options = index.options.clone();
            options.name = Some(index.name.to_owned());
            let model = IndexModel::builder()
                .keys(index.keys.clone())
                .options(options)
                .build();
            // Building an index over a large collection takes as long as it takes.
            let collection = self.collection::<Document>(index.collection);
            match collection.create_index(model).await {
                Err(error) if StoreError::is_index_of_another_name(&error) => {}
                created => drop(created?),
            }
        }
        Ok(())
    }

    /// Whether MongoDB has a primary that answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let database = self.database.clone();
        let ping = async move {
            database.run_command(doc! { "ping": 1 }).await?;
            Ok(())
        };
        // Without a span: nobody asked, so there is no trace that it belongs to.
        tokio::time::timeout(self.timeout, self.in_turn(ping))
            .await
            .unwrap_or(Err(StoreError::Timeout))
    }

    /// Pings every second and notes the answer as dependency `mongodb`. Never ends by itself.
    pub async fn watch(self, readiness: Readiness) {
        loop {
            readiness.set_dependency("mongodb", self.ping().await.is_ok());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn count_retry(Operation { collection, name }: Operation) {
    let labels = [("collection", collection), ("operation", name)];
    metrics::counter!("mongodb_transaction_retries_total", &labels).increment(1);
}

/// How long an attempt of a transaction waits, so that those that collided do
/// not collide again at once: a random part of a time that grows with each
/// (drivers' specification of the convenient API for transactions).
fn pause_before(attempt: i32) -> Duration {
    if attempt == 0 {
        return Duration::ZERO;
    }
    let longest = PAUSE_FIRST.mul_f64(1.5_f64.powi((attempt - 1).min(20)));
    longest.min(PAUSE_MAX).mul_f64(rand::random())
}
