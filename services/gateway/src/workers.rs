//! The threads that serve clients, each with a runtime of its own.
//!
//! A request, its connection to a service and its question to Redis stay on
//! one thread, so none of its many short waits has to wake another.

use std::{
    io, iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    time::interval,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Sooner than what Redis and the services are given to answer.
const TICK: Duration = Duration::from_millis(100);

/// The position of a worker among all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerIndex(usize);

/// One of something for each worker, which alone uses it.
pub(crate) struct PerWorker<T> {
    first: T,
    others: Vec<T>,
}

/// The threads. They end when this is dropped, and with them what still runs there.
pub(crate) struct Workers {
    workers: PerWorker<Worker>,
    _running: DropGuard,
}

/// One of them.
struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
}

/// A connection's place on a worker, until it is dropped.
pub(crate) struct Seat {
    pub(crate) worker: WorkerIndex,
    pub(crate) runtime: Handle,
    connections: Arc<AtomicUsize>,
}

impl<T> PerWorker<T> {
    /// Makes one for each of the workers that [`Workers::start`] starts.
    pub(crate) fn try_new<E>(mut make: impl FnMut() -> Result<T, E>) -> Result<Self, E> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            first: make()?,
            others: iter::repeat_with(make)
                .take(processors.saturating_sub(1))
                .collect::<Result<_, E>>()?,
        })
    }

    /// That of `worker`.
    pub(crate) fn of(&self, WorkerIndex(index): WorkerIndex) -> &T {
        let other = index
            .checked_sub(1)
            .and_then(|index| self.others.get(index));
        other.unwrap_or(&self.first)
    }

    /// All, in the order of their workers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        iter::once(&self.first).chain(&self.others)
    }
}

impl<T: Default> Default for PerWorker<T> {
    fn default() -> Self {
        let Ok(all) = Self::try_new(|| Ok::<_, std::convert::Infallible>(T::default()));
        all
    }
}

impl Workers {
    /// Starts one for each processor that this process may use.
    pub(crate) fn start() -> io::Result<Self> {
        let running = CancellationToken::new();
        Ok(Self {
            workers: PerWorker::try_new(|| Worker::start(running.clone()))?,
            _running: running.drop_guard(),
        })
    }

    /// A place on the worker with the fewest connections.
    pub(crate) fn seat(&self) -> Seat {
        let load = |(_, worker): &(usize, &Worker)| worker.connections.load(Ordering::Relaxed);
        let quietest = self.workers.iter().enumerate().min_by_key(load);
        let (index, worker) = quietest.unwrap_or((0, &self.workers.first));
        worker.connections.fetch_add(1, Ordering::Relaxed);
        Seat {
            worker: WorkerIndex(index),
            runtime: worker.runtime.clone(),
            connections: Arc::clone(&worker.connections),
        }
    }
}

impl Worker {
    fn start(running: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name("clients".to_owned())
            .spawn(move || runtime.block_on(run(running)))?;
        Ok(Self {
            runtime: handle,
            connections: Arc::default(),
        })
    }
}

/// Lets the runtime run, with a timer that ends sooner than any of a request:
/// a timer sooner than all others makes tokio interrupt its wait for events,
/// with a system call, even when the thread that sets it is the one that would wait.
async fn run(running: CancellationToken) {
    let mut ticks = interval(TICK);
    let tick = async {
        loop {
            ticks.tick().await;
        }
    };
    tokio::select! {
        () = running.cancelled() => {}
        () = tick => {}
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_evenly() {
        let workers = Workers::start().unwrap();
        let count = workers.workers.iter().count();
        let seats: Vec<Seat> = (0..3 * count).map(|_| workers.seat()).collect();
        let connections = |worker: &Worker| worker.connections.load(Ordering::Relaxed);
        assert!(workers.workers.iter().all(|it| connections(it) == 3));
        drop(seats);
        assert!(workers.workers.iter().all(|it| connections(it) == 0));
    }
}
