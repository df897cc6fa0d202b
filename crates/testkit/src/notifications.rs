use std::sync::{Arc, Mutex};

use bus::{AmqpSettings, Consumer, Handler, NotHandled};
use contracts::{
    jobs::v1::{Jobs, NotificationKind, Notify, job::Work},
    topology::NOTIFICATIONS,
};
use runtime::Shutdown;

use crate::{Sandbox, User};

/// Ahead of the one that is handled.
const PREFETCH: u16 = 100;

/// Somebody who reads what people are to be told.
pub struct Notifications {
    told: Told,
    shutdown: Shutdown,
}

type Told = Arc<Mutex<Vec<Notify>>>;

struct Reader(Told);

impl Handler for Reader {
    async fn handle(&self, payload: &[u8]) -> Result<(), NotHandled> {
        let jobs = Jobs::from_bytes(payload).map_err(|error| NotHandled::invalid(&error))?;
        let notify = |work| match work {
            Some(Work::Notify(notify)) => notify,
            other => panic!("{other:?} is no notification"),
        };
        let told = jobs.jobs.into_iter().map(|job| notify(job.work));
        self.0.lock().unwrap().extend(told);
        Ok(())
    }
}

impl Notifications {
    /// Begins to read, also what has been waiting.
    pub async fn of(sandbox: &Sandbox) -> Self {
        let settings = AmqpSettings {
            amqp_url: sandbox.amqp_url().await.into(),
        };
        let (told, shutdown) = (Told::default(), Shutdown::new());
        let reading = Consumer::new(&settings, NOTIFICATIONS, PREFETCH);
        tokio::spawn(reading.run(shutdown.clone(), Reader(Arc::clone(&told))));
        Self { told, shutdown }
    }

    /// What `user` was told so far that is of this kind.
    #[must_use]
    pub fn told(&self, user: &User, kind: NotificationKind) -> Vec<Notify> {
        let told = self.told.lock().unwrap();
        let theirs = told
            .iter()
            .filter(|it| it.user_id == user.id && it.kind() == kind);
        theirs.cloned().collect()
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.shutdown.begin_drain();
    }
}
