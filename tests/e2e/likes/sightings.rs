use std::{collections::HashMap, fmt, time::Duration};

use testkit::{Client, Metrics};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// Between two looks. What a service counts after the last look before it is
/// killed is not seen.
const PAUSE: Duration = Duration::from_millis(300);

/// What a run must have gone through to prove anything: what counts it, and
/// which of its labels do not count.
const WANTED: [(&str, &str); 4] = [
    ("bus_redelivered_total", "nothing"),
    ("mongodb_transaction_retries_total", "nothing"),
    ("mongodb_sessions_killed_total", "nothing"),
    ("bus_published_total", "outcome=\"confirmed\""),
];

/// Looks at the counters of services again and again, since a counter dies with
/// its service.
pub(super) struct Sightings {
    end: oneshot::Sender<()>,
    watching: JoinHandle<Seen>,
}

/// How often each was seen.
pub(super) struct Seen(HashMap<&'static str, u64>);

impl Sightings {
    pub(super) fn watch(operators: Vec<Client>) -> Self {
        let (end, mut ended) = oneshot::channel();
        let watching = tokio::spawn(async move {
            let mut seen = Seen(HashMap::new());
            let mut last = HashMap::new();
            while timeout(PAUSE, &mut ended).await.is_err() {
                for (at, operator) in operators.iter().enumerate() {
                    let Some(metrics) = Metrics::of(operator).await else {
                        continue;
                    };
                    for (name, unwanted) in WANTED {
                        let now = metrics.sum(name, |labels| !labels.contains(unwanted));
                        let before = last.insert((at, name), now).unwrap_or_default();
                        // A service that was started again counts from nothing.
                        let more = if now < before { now } else { now - before };
                        *seen.0.entry(name).or_default() += more;
                    }
                }
            }
            seen
        });
        Self { end, watching }
    }

    pub(super) async fn end(self) -> Seen {
        let _ = self.end.send(());
        self.watching.await.unwrap()
    }
}

impl Seen {
    /// Whether a message was redelivered, a transaction aborted and a publish not confirmed.
    pub(super) fn is_everything(&self) -> bool {
        let [redelivered, retried, killed, unconfirmed] = WANTED.map(|(name, _)| self.count(name));
        redelivered > 0 && retried + killed > 0 && unconfirmed > 0
    }

    fn count(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [redelivered, retried, killed, unconfirmed] = WANTED.map(|(name, _)| self.count(name));
        write!(
            f,
            "{redelivered} messages redelivered, {retried} transactions retried, {killed} sessions \
             killed, {unconfirmed} publishes not confirmed"
        )
    }
}
