//! A WebSocket connection: what is read from it, and how it is closed.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::net::TcpStream;

use crate::websocket::{Decoder, Incoming, ProtocolError};

/// What is read at a time. One for each thread: an idle connection has none.
const READ: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// Why a connection cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("what was read is not WebSocket: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("the connection broke: {0}")]
    Transport(#[from] io::Error),
    #[error("the client has hung up")]
    Ended,
}

/// The connection of a session, in the hands of the one task that reads from it.
pub(crate) struct WebSocket {
    stream: Arc<TcpStream>,
    decoder: Decoder,
    /// Read, and not looked at.
    incoming: std::vec::IntoIter<Incoming>,
    /// What comes after that.
    end: Option<Broken>,
    is_shut: bool,
}

impl WebSocket {
    pub(crate) fn new(stream: Arc<TcpStream>, max_message: usize) -> Self {
        Self {
            stream,
            decoder: Decoder::new(max_message),
            incoming: Vec::new().into_iter(),
            end: None,
            is_shut: false,
        }
    }

    pub(crate) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// Takes what was read elsewhere, before anything else is.
    pub(crate) fn feed(&mut self, bytes: &mut [u8]) {
        let mut incoming = Vec::new();
        if let Err(error) = self.decoder.feed(bytes, &mut incoming) {
            self.end = Some(error.into());
        }
        self.incoming = incoming.into_iter();
    }

    /// The next message. What was sent whole before the connection ended or broke comes first.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Incoming, Broken>> {
        loop {
            if let Some(next) = self.incoming.next() {
                return Poll::Ready(Ok(next));
            }
            // The room for a burst is not kept by a client that is idle.
            self.incoming = Vec::new().into_iter();
            if let Some(end) = self.end.take() {
                return Poll::Ready(Err(end));
            }
            ready!(self.poll_fill(context));
        }
    }

    /// As [`Self::poll_next`], for whoever reads nothing else.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Broken> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_read(context, Self::feed)) {
            Ok(0) => self.end = Some(Broken::Ended),
            Ok(_) => {}
            Err(error) => self.end = Some(error.into()),
        }
        Poll::Ready(())
    }

    /// Reads once, and hands on what was read.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        take: impl Fn(&mut Self, &mut [u8]),
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            let read = BUFFER.with_borrow_mut(|buffer| {
                let read = self.stream.try_read(buffer)?;
                take(self, buffer.get_mut(..read).unwrap_or_default());
                Ok(read)
            });
            match read {
                Err(error) if error_is_pending(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Ends it in good order: says that nothing more comes, and reads and forgets what the client
    /// still sends until it hangs up. Closing with unread bytes would make the kernel reset the
    /// connection, and discard what is on its way.
    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.is_shut, true) {
            let _ = socket2::SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write);
        }
        while let Ok(1..) = ready!(self.poll_read(context, |_, _| {})) {}
        Poll::Ready(())
    }

    /// Writes all of `bytes`, when nobody else writes.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error_is_pending(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn error_is_pending(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
