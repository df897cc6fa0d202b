use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};

/// Wakes whoever works on what was written, within this process; its clones
/// are the same one.
#[derive(Clone, Debug, Default)]
pub struct Wakeup(Arc<Notify>);

impl Wakeup {
    /// Something was written. Who is not waiting yet will not wait.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Resolves at the next [`Wakeup::wake`], or after `longest`: the commit may
    /// have been that of another replica.
    pub async fn wait(&self, longest: Duration) {
        // Woken or not, the next step is to look.
        let _ = timeout(longest, self.0.notified()).await;
    }
}
