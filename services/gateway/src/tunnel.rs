//! Connections that have changed to WebSocket: bytes both ways, unread.
//!
//! There are many of them and they are silent for most of their time, so one
//! that is silent holds no buffer: two sockets, a timer and what its log line
//! will say.

mod direction;
mod handshake;
mod places;
mod record;

use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use crate::{closing::Closing, upstream::ServiceSide};

use direction::{Direction, Failed};
pub(crate) use handshake::{is_asked, is_switch_to_websocket, mark_switch};
pub(crate) use places::{Place, Places};
pub(crate) use record::{Ending, Open, TunnelRecord};

/// How long one side may be silent once the other has ended.
const HALF_CLOSED: Duration = Duration::from_secs(10);
/// What is read at a time, and the most that is kept for a receiver that is behind.
const BUFFER: usize = 16 * 1024;

thread_local! {
    /// Of all tunnels on a thread, for the moment in which one has something to pass.
    static SHARED: RefCell<[u8; BUFFER]> = const { RefCell::new([0; BUFFER]) };
}

/// How long a tunnel may take for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TunnelTimeouts {
    /// Silence both ways.
    pub(crate) idle: Duration,
    /// A side that takes nothing of what the other sends.
    pub(crate) write: Duration,
}

/// A tunnel that its client is being told of.
pub(crate) struct Granted {
    pub(crate) service: ServiceSide,
    pub(crate) place: Place,
    pub(crate) record: TunnelRecord,
}

/// A tunnel, which is over when it resolves. What is under way between two
/// sides that have both ended has arrived by then.
pub(crate) struct Tunnel {
    client: TcpStream,
    service: ServiceSide,
    upward: Direction,
    downward: Direction,
    timeouts: TunnelTimeouts,
    moved_at: Instant,
    timer: Pin<Box<Sleep>>,
    turn_to_close: Pin<Box<dyn Future<Output = ()> + Send>>,
    record: TunnelRecord,
    _place: Place,
}

impl Granted {
    /// Takes over the client's connection, and what was read of it beyond the handshake.
    pub(crate) fn open(
        self,
        client: TcpStream,
        early: Vec<u8>,
        timeouts: TunnelTimeouts,
        closing: Closing,
    ) -> Tunnel {
        let Self {
            mut service,
            place,
            mut record,
        } = self;
        record.ended_by = Ending::Stop;
        let now = Instant::now();
        Tunnel {
            client,
            upward: Direction::beginning_with(Bytes::from(early)),
            downward: Direction::beginning_with(std::mem::take(&mut service.early)),
            service,
            timeouts,
            moved_at: now,
            timer: Box::pin(sleep_until(now + timeouts.idle)),
            turn_to_close: Box::pin(closing.turn()),
            record,
            _place: place,
        }
    }
}

impl Tunnel {
    /// Passes on what there is, both ways. Ready when both sides have ended, or one failed.
    fn poll_pass(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        let Self {
            client,
            service,
            upward,
            downward,
            record,
            ..
        } = self;
        let service = &mut service.stream;
        let (up, down) = SHARED.with_borrow_mut(|buffer| {
            (
                upward.poll_pass(context, client, service, buffer),
                downward.poll_pass(context, service, client, buffer),
            )
        });
        let before = (record.received, record.sent, record.ended_by);
        (record.received, record.sent) = (upward.passed(), downward.passed());
        // Whoever ends first has ended the tunnel; the other follows.
        if record.ended_by == Ending::Stop {
            if upward.has_ended() {
                record.ended_by = Ending::Client;
            } else if downward.has_ended() {
                record.ended_by = Ending::Service;
            }
        }
        if before != (record.received, record.sent, record.ended_by) {
            self.moved_at = Instant::now();
        }
        match (up, down) {
            (Poll::Ready(Err(Failed::Sender)), _) | (_, Poll::Ready(Err(Failed::Receiver))) => {
                Poll::Ready(Ending::Client)
            }
            (Poll::Ready(Err(Failed::Receiver)), _) | (_, Poll::Ready(Err(Failed::Sender))) => {
                Poll::Ready(Ending::Service)
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(record.ended_by),
            _ => Poll::Pending,
        }
    }

    /// When it has to end if nothing moves until then, and why.
    fn due(&self) -> (Instant, Ending) {
        let silence = if self.upward.has_ended() || self.downward.has_ended() {
            self.timeouts.idle.min(HALF_CLOSED)
        } else {
            self.timeouts.idle
        };
        let stalled = [&self.upward, &self.downward]
            .into_iter()
            .filter_map(Direction::blocked_since)
            .map(|since| (since + self.timeouts.write, Ending::Stalled));
        stalled.fold((self.moved_at + silence, Ending::Idle), |due, other| {
            if other.0 < due.0 { other } else { due }
        })
    }

    /// Ready when its time is over. The timer is set anew when it has run out,
    /// not whenever something moves.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        if self.turn_to_close.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ending::Drain);
        }
        let (due, ending) = self.due();
        loop {
            if due < self.timer.deadline() {
                self.timer.as_mut().reset(due);
            }
            ready!(self.timer.as_mut().poll(context));
            if due <= Instant::now() {
                return Poll::Ready(ending);
            }
            self.timer.as_mut().reset(due);
        }
    }
}

impl Future for Tunnel {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let ending = match this.poll_pass(context) {
            Poll::Ready(ending) => ending,
            Poll::Pending => ready!(this.poll_due(context)),
        };
        this.record.ended_by = ending;
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_tunnel_is_small() {
        let size = size_of::<Tunnel>();
        assert!(size <= 640, "{size} bytes");
    }
}
