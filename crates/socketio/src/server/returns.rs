//! Clients that come back before anybody knows that they were away, as those do that change networks.

use std::sync::Arc;

use super::Core;
use crate::{DisconnectReason, Handler, SavedSession, SocketId, session::Session};

impl<H: Handler> Core<H> {
    /// The client of `session` comes back with this secret, if it does.
    pub(crate) fn may_come_back(&self, pid: SocketId, session: &Arc<Session>) {
        self.returns.insert(pid, Arc::clone(session));
    }

    /// Is `session` still the one to which its client would come back?
    pub(crate) fn is_to_come_back(&self, pid: SocketId, session: &Arc<Session>) -> bool {
        let current = self.returns.get(&pid);
        current.is_some_and(|current| Arc::ptr_eq(&current, session))
    }

    /// Whoever comes back from now on finds what was kept of `session`.
    pub(crate) fn is_away(&self, pid: SocketId, session: &Arc<Session>) {
        self.returns
            .remove_if(&pid, |_, current| Arc::ptr_eq(current, session));
    }

    /// The client has come back, while its former session was thought to go on.
    pub(crate) fn take_back(&self, pid: &str) -> Option<SavedSession> {
        let (_, session) = self.returns.remove(&SocketId::parse(pid)?)?;
        let saved = session.saved(&session.rooms());
        self.stop_following(&session);
        session.close(DisconnectReason::TransportClose);
        saved
    }
}
