use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::bail;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerWaitFuture},
};

use crate::settings::LifecycleSettings;

/// The end of a service, in two steps: *drain* (refuse new work, finish what
/// runs) and *stop* (now). Cheap to clone; every part of a service holds one.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A service that has not been told to end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells every part to finish what it has and take nothing new.
    pub fn begin_drain(&self) {
        self.tasks.close();
        self.drain.cancel();
    }

    /// Tells every part to end at once.
    pub fn stop_now(&self) {
        self.begin_drain();
        self.stop.cancel();
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Resolves when the drain begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Resolves when there is no more time.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Runs `future` as a task that the drain waits for. At the stop it is dropped.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(future, &Handle::current())
    }

    /// The same, on `runtime`.
    pub fn spawn_on<F>(&self, future: F, runtime: &Handle) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let stoppable = async move {
            tokio::select! {
                () = future => {}
                () = stop.cancelled() => {}
            }
        };
        self.tasks.spawn_on(stoppable, runtime)
    }

    /// Runs `future` in the background for as long as the service takes work;
    /// it is dropped when the drain begins.
    pub fn spawn_until_drain<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let drain = self.drain.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = future => {}
                () = drain.cancelled() => {}
            }
        })
    }

    /// Resolves when the drain has begun and every task has ended.
    pub fn finished(&self) -> TaskTrackerWaitFuture<'_> {
        self.tasks.wait()
    }

    /// Waits for the whole life of a service: until the drain has begun and is
    /// over. When its time is up, or at the second signal, everything that
    /// still runs is dropped and this is an error.
    pub async fn run_to_end(&self, settings: &LifecycleSettings) -> anyhow::Result<()> {
        self.draining().await;
        tracing::info!("draining");
        tokio::select! {
            // First, because the stop also ends every task.
            biased;
            () = self.stopped() => bail!("stopped before the drain was over"),
            () = self.finished() => Ok(()),
            () = tokio::time::sleep(settings.drain_delay + settings.drain_grace) => {
                self.stop_now();
                bail!("the drain took longer than its grace")
            }
        }
    }
}

/// What `/readyz` answers from: whether the service takes work, and what it
/// last knew of its dependencies.
///
/// A dependency that is down does not make a service unready. Taking every
/// replica out would turn a slow answer or a `503` that names the cause into
/// no answer at all.
#[derive(Clone, Debug)]
pub struct Readiness {
    started: CancellationToken,
    shutdown: Shutdown,
    dependencies: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Readiness {
    /// Not ready yet; never ready again once `shutdown` drains.
    #[must_use]
    pub fn new(shutdown: &Shutdown) -> Self {
        Self {
            started: CancellationToken::new(),
            shutdown: shutdown.clone(),
            dependencies: Arc::default(),
        }
    }

    /// Everything that start-up needs is there.
    pub fn set_started(&self) {
        self.started.cancel();
    }

    /// Whether the service takes work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.started.is_cancelled() && !self.shutdown.is_draining()
    }

    /// One word for the state: `starting`, `ready` or `draining`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.shutdown.is_draining() {
            "draining"
        } else if self.is_ready() {
            "ready"
        } else {
            "starting"
        }
    }

    /// Notes whether a dependency answers.
    pub fn set_dependency(&self, name: &'static str, is_up: bool) {
        let mut dependencies = self
            .dependencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if dependencies.insert(name, is_up) != Some(is_up) {
            tracing::info!(dependency = name, is_up, "dependency changed");
        }
    }

    /// The dependencies and whether each last answered.
    #[must_use]
    pub fn dependencies(&self) -> BTreeMap<&'static str, bool> {
        self.dependencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_drain_waits_for_tracked_tasks() {
        let shutdown = Shutdown::new();
        let (finish, finished) = tokio::sync::oneshot::channel::<()>();
        shutdown.spawn(async move {
            finished.await.ok();
        });
        shutdown.begin_drain();
        assert!(futures_ready(shutdown.finished()).is_none());
        finish.send(()).unwrap();
        shutdown.finished().await;
    }

    #[tokio::test]
    async fn the_stop_drops_what_still_runs() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending());
        shutdown.stop_now();
        shutdown.finished().await;
    }

    #[tokio::test]
    async fn readiness_goes_with_the_drain() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(&shutdown);
        assert_eq!(readiness.state(), "starting");
        readiness.set_started();
        assert!(readiness.is_ready());
        shutdown.begin_drain();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.state(), "draining");
    }

    fn futures_ready<F: Future>(future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
