//! The bytes of a client connection, looked at before the HTTP library sees them.
//!
//! hyper repairs what a public door should refuse (a `Content-Length` beside
//! `Transfer-Encoding` is dropped, a repeated one merged) and answers what it
//! cannot read with an empty body. So every request head is checked here
//! first, and what is wrong is known as a [`Code`]. This is also where a
//! connection notices that its client is idle or slow, since only here is it
//! known whether a request has begun.

mod head;
mod in_flight;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::problem::Code;

pub(crate) use head::HeadLimits;
use head::{Framing, inspect};
pub(crate) use in_flight::{InFlight, InFlightGuard};

/// How long a connection that was taken as the door closed may take to bring
/// the request it was opened for.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// What is read at a time while a head is awaited.
const READ: usize = 8 * 1024;

/// How long a client may take for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientTimeouts {
    /// A head, from its first byte; the first head, from the connect.
    pub(crate) header: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
    /// Taking nothing of what is written to it.
    pub(crate) write: Duration,
}

/// A client connection that hands on one checked request at a time.
pub(crate) struct Wire {
    stream: TcpStream,
    limits: HeadLimits,
    timeouts: ClientTimeouts,
    in_flight: InFlight,
    reading: Reading,
    /// Read and not handed on yet. Holds no memory while the connection is idle.
    staged: Vec<u8>,
    has_served: bool,
    patience: Patience,
    patience_ends: Pin<Box<Sleep>>,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    is_closing: bool,
    write_stall: Option<Pin<Box<Sleep>>>,
    refusal: Option<Code>,
}

/// A client connection on which no more requests are looked for.
pub(crate) struct WireParts {
    pub(crate) stream: TcpStream,
    /// Read beyond the last request.
    pub(crate) staged: Vec<u8>,
    /// Why the last request was refused, if it was.
    pub(crate) refusal: Option<Code>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The next request has not begun, or its head is not complete.
    Head,
    /// So much of a checked request is to be handed on.
    Message(u64),
    /// A chunked body, and nothing after it: the answer closes the connection,
    /// so nobody needs to know here where it ends.
    LastMessage,
}

/// What the timer is running for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Nothing: a request is being handled.
    Unlimited,
    /// The next request.
    Next,
    /// The rest of a head.
    Rest,
    /// The only request there will be.
    Last,
}

impl Wire {
    pub(crate) fn new(
        stream: TcpStream,
        limits: HeadLimits,
        timeouts: ClientTimeouts,
        in_flight: InFlight,
        closing: WaitForCancellationFutureOwned,
    ) -> Self {
        Self {
            stream,
            limits,
            timeouts,
            in_flight,
            reading: Reading::Head,
            staged: Vec::new(),
            has_served: false,
            patience: Patience::Rest,
            patience_ends: Box::pin(sleep(timeouts.header)),
            closing: Box::pin(closing),
            is_closing: false,
            write_stall: None,
            refusal: None,
        }
    }

    /// What is left when nothing more is handed on.
    pub(crate) fn into_parts(self) -> WireParts {
        WireParts {
            stream: self.stream,
            staged: self.staged,
            refusal: self.refusal,
        }
    }

    /// Reads until there is a checked head. False at the end of the connection.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.in_flight.is_on(context.waker()) {
            return self.poll_disconnect(context);
        }
        let mut is_new = !self.staged.is_empty();
        loop {
            if is_new {
                match inspect(&self.staged, self.limits) {
                    Ok(Some(head)) => {
                        self.reading = match head.framing {
                            Framing::Length(body) => {
                                Reading::Message(head.length.saturating_add(body))
                            }
                            Framing::Chunked => Reading::LastMessage,
                        };
                        self.begin_request();
                        return Poll::Ready(Ok(true));
                    }
                    Ok(None) => {}
                    Err(code) => return Poll::Ready(Err(self.refuse(code))),
                }
            }
            match self.poll_stage(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(false)),
                Poll::Ready(Ok(read)) => is_new = self.may_complete_head(read),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_patience(context).map(|()| self.give_up()),
            }
        }
    }

    fn begin_request(&mut self) {
        self.has_served = true;
        self.patience = Patience::Unlimited;
        self.in_flight.begin();
    }

    /// Nothing but a line end completes a head, and nothing but the limit refuses it.
    fn may_complete_head(&self, read: usize) -> bool {
        let new = self.staged.len().saturating_sub(read);
        self.staged.len() > self.limits.bytes
            || self
                .staged
                .get(new..)
                .is_some_and(|new| new.contains(&b'\n'))
    }

    /// While a request is handled, the next one waits; only the client's going is of interest.
    fn poll_disconnect(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.staged.is_empty() && ready!(self.poll_stage(context))? == 0 {
            return Poll::Ready(Ok(false));
        }
        Poll::Pending
    }

    fn poll_stage(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [std::mem::MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        self.staged.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Ready when the client has had its time.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_idle = self.staged.is_empty();
        if is_idle && !self.is_closing && self.closing.as_mut().poll(context).is_ready() {
            self.is_closing = true;
        }
        if is_idle && self.is_closing && self.has_served {
            return Poll::Ready(());
        }
        let (patience, duration) = match (is_idle, self.is_closing) {
            (true, true) => (Patience::Last, LAST_REQUEST),
            (true, false) if self.has_served => (Patience::Next, self.timeouts.idle),
            // The first head has one time for all of it, from the connect.
            (true, false) => (self.patience, self.timeouts.header),
            (false, _) => (Patience::Rest, self.timeouts.header),
        };
        if self.patience != patience {
            self.patience = patience;
            self.patience_ends.as_mut().reset(Instant::now() + duration);
        }
        self.patience_ends.as_mut().poll(context)
    }

    /// Ends the connection: without a word when nothing was begun.
    fn give_up(&mut self) -> io::Result<bool> {
        if self.staged.is_empty() {
            Ok(false)
        } else {
            Err(self.refuse(Code::RequestTimeout))
        }
    }

    fn refuse(&mut self, code: Code) -> io::Error {
        self.refusal = Some(code);
        io::Error::other("request refused")
    }

    /// Hands on what is staged, or reads straight into `buffer`, up to `left` bytes.
    fn poll_pass(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        left: u64,
    ) -> Poll<io::Result<usize>> {
        let most = buffer
            .remaining()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.staged.is_empty() {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
            return Poll::Ready(Ok(read));
        }
        let passed = most.min(self.staged.len());
        let rest = self.staged.split_off(passed);
        buffer.put_slice(&std::mem::replace(&mut self.staged, rest));
        Poll::Ready(Ok(passed))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.reading == Reading::Head && !ready!(this.poll_head(context))? {
            return Poll::Ready(Ok(()));
        }
        let left = match this.reading {
            Reading::Message(left) => left,
            Reading::Head | Reading::LastMessage => u64::MAX,
        };
        let passed = ready!(this.poll_pass(context, buffer, left))?;
        if let Reading::Message(left) = &mut this.reading {
            *left = left.saturating_sub(passed as u64);
            if *left == 0 {
                this.reading = Reading::Head;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Wire {
    /// Fails a write that has been waiting for the client for too long.
    fn poll_written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.write_stall = None;
            return written;
        }
        let timeout = self.timeouts.write;
        let stall = self
            .write_stall
            .get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.poll_written(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, buffers);
        this.poll_written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    /// Nothing: a refusal may have to be written yet, and then what the client
    /// is still sending has to be read, before the connection is closed.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
