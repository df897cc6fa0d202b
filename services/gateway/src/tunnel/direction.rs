use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{io::AsyncWrite, net::TcpStream, time::Instant};

/// Reads in a turn. The runtime stops a task that does more than 128 things at
/// once, and a flood in one direction must leave something for the other.
const TURN: usize = 16;

/// One way through a tunnel.
///
/// Bytes go through a buffer that is the caller's, so one that has nothing to
/// pass holds no memory for it. What the receiver does not take at once is
/// kept, and nothing more is read until it has: a slow receiver slows the
/// sender down, and costs one buffer at most.
pub(super) struct Direction {
    /// Read and not taken yet.
    rest: Bytes,
    /// Since when the receiver has taken nothing of `rest`.
    blocked_since: Option<Instant>,
    passed: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sender has ended; the receiver is to hear of it after the last byte.
    Ending,
    Ended,
}

/// Which side of a direction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Sender,
    Receiver,
}

impl Direction {
    /// Begins with what was read before there was a tunnel.
    pub(super) fn beginning_with(early: Bytes) -> Self {
        Self {
            rest: early,
            blocked_since: None,
            passed: 0,
            stage: Stage::Open,
        }
    }

    /// Bytes that the receiver has taken.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    pub(super) fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since
    }

    /// Whether the sender has ended, and the receiver knows.
    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Passes on what there is, and asks for another turn if that is too much. Ready when the sender has ended and all of it
    /// is passed on, with the end; again if asked again.
    pub(super) fn poll_pass(
        &mut self,
        context: &mut Context<'_>,
        sender: &TcpStream,
        receiver: &mut TcpStream,
        buffer: &mut [u8],
    ) -> Poll<Result<(), Failed>> {
        for _ in 0..TURN {
            if !self.rest.is_empty() {
                let flushed = self.poll_flush(context, receiver);
                if flushed.is_pending() && self.blocked_since.is_none() {
                    self.blocked_since = Some(Instant::now());
                }
                ready!(flushed).or(Err(Failed::Receiver))?;
            }
            match self.stage {
                Stage::Open => ready!(self.poll_receive(context, sender, receiver, buffer))?,
                Stage::Ending => {
                    // Of a TCP stream it is never pending.
                    let ended = Pin::new(&mut *receiver).poll_shutdown(context);
                    ready!(ended).or(Err(Failed::Receiver))?;
                    self.stage = Stage::Ended;
                }
                Stage::Ended => return Poll::Ready(Ok(())),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        receiver: &TcpStream,
    ) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            ready!(receiver.poll_write_ready(context))?;
            let written = or_none(receiver.try_write(&self.rest))?;
            if written > 0 {
                self.rest.advance(written);
                self.passed += written as u64;
                self.blocked_since = None;
            }
        }
        // An empty part of an allocation would keep all of it.
        self.rest = Bytes::new();
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes as much of it as the receiver takes.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        sender: &TcpStream,
        receiver: &TcpStream,
        buffer: &mut [u8],
    ) -> Poll<Result<(), Failed>> {
        ready!(sender.poll_read_ready(context)).or(Err(Failed::Sender))?;
        let read = match sender.try_read(buffer) {
            Ok(0) => {
                self.stage = Stage::Ending;
                return Poll::Ready(Ok(()));
            }
            read => or_none(read).or(Err(Failed::Sender))?,
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let written = or_none(receiver.try_write(bytes)).or(Err(Failed::Receiver))?;
        self.passed += written as u64;
        self.rest = Bytes::copy_from_slice(bytes.get(written..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

/// Nothing, where the socket would have to be waited for.
fn or_none(done: io::Result<usize>) -> io::Result<usize> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Wake,
    };

    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (connected, accepted) = tokio::join!(connecting, listener.accept());
        (connected.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn a_flood_is_passed_on_by_turns() {
        let ((mut flooding, sender), (mut receiver, _reader)) = (pair().await, pair().await);
        let mut buffer = [0; 1024];
        flooding.write_all(&vec![7; 100 * 1024]).await.unwrap();
        sender.readable().await.unwrap();
        receiver.writable().await.unwrap();

        let mut direction = Direction::beginning_with(Bytes::new());
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let mut context = Context::from_waker(&waker);
        let passed = direction.poll_pass(&mut context, &sender, &mut receiver, &mut buffer);
        assert_eq!(passed, Poll::Pending);
        assert_eq!(direction.passed(), (TURN * buffer.len()) as u64);
        assert!(woken.0.load(Ordering::SeqCst));
    }
}
