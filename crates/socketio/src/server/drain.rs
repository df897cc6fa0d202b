//! The end of a server, without a stampede.

use std::sync::Arc;

use tokio::time::sleep;

use super::Server;
use crate::{DisconnectReason, DrainPace, Handler, session::Session};

impl<H: Handler> Server<H> {
    /// Ends the server: nobody is accepted, and the transports are closed batch by batch, so that
    /// clients come back by themselves, to wherever they are let in, and not all at once. Returns
    /// when every `disconnected` has run and no connection is left.
    pub async fn drain(&self, pace: DrainPace) {
        let core = &self.0;
        core.draining.cancel();
        core.tasks.close();
        loop {
            let sessions: Vec<Arc<Session>> = core
                .sessions
                .iter()
                .filter(|it| it.closing().is_none())
                .take(pace.batch.max(1))
                .map(|it| Arc::clone(&it))
                .collect();
            if sessions.is_empty() {
                break;
            }
            for session in sessions {
                session.close(DisconnectReason::ServerShutdown);
            }
            sleep(pace.pause).await;
        }
        core.tasks.wait().await;
        core.over.cancel();
        core.upkeep.close();
        core.upkeep.wait().await;
    }
}
