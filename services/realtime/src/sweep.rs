use std::{sync::Arc, time::Duration};

use domain::SessionId;
use runtime::Clock;
use socketio::Server;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    refusal::Refusal,
    seats::Seats,
    sessions::Sessions,
    sockets::{Sockets, end_session},
};

/// Between two sweeps that nobody has asked for.
const INTERVAL: Duration = Duration::from_secs(30);
/// Sessions looked up at a time.
const BATCH: usize = 500;
/// Between two batches.
const PACE: Duration = Duration::from_millis(10);

/// Ends sockets whose login is over, whether or not somebody has said so: what
/// is published may have been missed, and nobody publishes that a token expires.
pub(crate) struct Sweep {
    pub(crate) server: Server<Sockets>,
    pub(crate) seats: Arc<Seats>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Asks for one now.
    pub(crate) wanted: Arc<Notify>,
}

impl Sweep {
    /// Never ends by itself.
    pub(crate) async fn run(self) {
        loop {
            // Elapsed or asked for, the next step is the same.
            let _ = timeout(INTERVAL, self.wanted.notified()).await;
            self.sweep().await;
        }
    }

    async fn sweep(&self) {
        let now = self.clock.now();
        let sessions = self.seats.sessions();
        let (expired, current): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|(_, end)| *end <= now);
        for (session_id, _) in expired {
            end_session(&self.server, &self.seats, session_id, Refusal::TokenExpired);
        }
        for batch in current.chunks(BATCH) {
            let ids: Vec<SessionId> = batch.iter().map(|(id, _)| *id).collect();
            for session_id in self.sessions.ended(&ids).await {
                end_session(
                    &self.server,
                    &self.seats,
                    session_id,
                    Refusal::SessionRevoked,
                );
            }
            sleep(PACE).await;
        }
    }
}
