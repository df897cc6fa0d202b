//! The long-polling transport of a session: one request that waits for packets, one that brings some.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::sync::oneshot;

use super::{Posted, Session, State, Transport};
use crate::{DisconnectReason, engine, frame::Frame};

/// A session whose client polls.
#[derive(Default)]
pub(super) struct Polling {
    waiting: Option<Waker>,
    /// A poll is under way, whether it waits or not.
    is_polled: bool,
    /// A WebSocket connection is about to take over: polls are answered at once.
    is_probed: bool,
    /// The last poll was answered that this is the end.
    is_told: bool,
}

impl Polling {
    pub(super) fn has_been_told(&self) -> bool {
        self.is_told
    }

    pub(super) fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}

/// Why a request of a polling client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollError {
    /// The session goes on over another transport, or has ended.
    NotPolling,
    /// Another request of the same kind is under way, which no client does: the session ends.
    Overlap,
}

impl Session {
    /// Waits until there is something for the client.
    pub(crate) async fn poll(self: &Arc<Self>) -> Result<Vec<Frame>, PollError> {
        self.begin_poll()?;
        let mut under_way = UnderWay(Some(Arc::clone(self)));
        let frames = poll_fn(|context| self.poll_frames(context)).await;
        under_way.0 = None;
        frames
    }

    fn begin_poll(&self) -> Result<(), PollError> {
        let mut state = self.state();
        let Transport::Polling(polling) = &mut state.transport else {
            return Err(PollError::NotPolling);
        };
        if std::mem::replace(&mut polling.is_polled, true) {
            self.close_state(&mut state, DisconnectReason::TransportError);
            return Err(PollError::Overlap);
        }
        Ok(())
    }

    fn poll_frames(&self, context: &mut Context<'_>) -> Poll<Result<Vec<Frame>, PollError>> {
        let mut state = self.state();
        let State {
            transport,
            outbox,
            closing,
            ..
        } = &mut *state;
        let Transport::Polling(polling) = transport else {
            // What waits is for the transport that has taken over.
            let last = if closing.is_some() {
                engine::close_frame()
            } else {
                engine::noop_frame()
            };
            return Poll::Ready(Ok(vec![last]));
        };
        let frames = if !outbox.is_empty() {
            outbox.take(self.config().max_payload)
        } else if closing.is_some() {
            // By itself: official clients look at what comes with it only afterwards.
            polling.is_told = true;
            vec![engine::close_frame()]
        } else if polling.is_probed {
            vec![engine::noop_frame()]
        } else {
            polling.waiting = Some(context.waker().clone());
            return Poll::Pending;
        };
        polling.is_polled = false;
        polling.waiting = None;
        if closing.is_some() {
            self.task.wake();
        }
        Poll::Ready(Ok(frames))
    }

    /// A client that hangs up while it polls is gone.
    fn abandon_poll(&self) {
        let mut state = self.state();
        if let Transport::Polling(polling) = &mut state.transport {
            polling.waiting = None;
            self.close_state(&mut state, DisconnectReason::TransportError);
        }
    }

    /// Hands `packets` to the session's task. The receiver hears when it has taken them all, or
    /// when nothing is taken any more; not if they were malformed.
    pub(crate) fn post(
        &self,
        packets: Vec<engine::Packet>,
    ) -> Result<oneshot::Receiver<()>, PollError> {
        let mut state = self.state();
        if !matches!(state.transport, Transport::Polling(_)) {
            return Err(PollError::NotPolling);
        }
        if state.posted.is_some() {
            self.close_state(&mut state, DisconnectReason::TransportError);
            return Err(PollError::Overlap);
        }
        let (taken, receiver) = oneshot::channel();
        if state.closing.is_some() {
            // The client learns why from its poll.
            let _ = taken.send(());
            return Ok(receiver);
        }
        state.posted = Some(Box::new(Posted {
            packets: packets.into_iter(),
            taken,
        }));
        self.task.wake();
        Ok(receiver)
    }

    /// The next packet that was posted. After the last one whoever has posted is told.
    pub(crate) fn next_posted(&self) -> Option<engine::Packet> {
        let mut state = self.state();
        let packet = state.posted.as_mut()?.packets.next();
        if packet.is_none()
            && let Some(posted) = state.posted.take()
        {
            let _ = posted.taken.send(());
        }
        packet
    }

    /// Could a WebSocket connection take over?
    pub(crate) fn is_polling(&self) -> bool {
        let state = self.state();
        state.closing.is_none() && matches!(state.transport, Transport::Polling(_))
    }

    /// A WebSocket connection is about to take over: a poll that waits is answered, so that the
    /// client can stop polling. False if the session does not poll.
    pub(crate) fn begin_probe(&self) -> bool {
        let mut state = self.state();
        if state.closing.is_some() {
            return false;
        }
        let Transport::Polling(polling) = &mut state.transport else {
            return false;
        };
        let begins = !std::mem::replace(&mut polling.is_probed, true);
        if begins {
            polling.wake();
        }
        begins
    }

    /// The connection did not take over.
    pub(crate) fn end_probe(&self) {
        if let Transport::Polling(polling) = &mut self.state().transport {
            polling.is_probed = false;
        }
    }
}

/// A poll whose client has not gone.
struct UnderWay(Option<Arc<Session>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(session) = &self.0 {
            session.abandon_poll();
        }
    }
}
