use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::upstream::Lease;

use super::BodyError;

/// What accompanies a response until its last byte: it is told how many bytes
/// there were, and is dropped when there are no more.
pub(crate) trait Attendant: Send {
    /// More bytes have been handed over.
    fn sent(&mut self, bytes: usize);
    /// The body is complete.
    fn completed(&mut self);
}

/// The body of an answer to a client.
pub(crate) struct ResponseBody {
    source: Source,
    attendant: Option<Box<dyn Attendant>>,
}

enum Source {
    /// An answer of the gateway's own.
    Own(Option<Bytes>),
    /// A service's answer.
    Service(ServiceBody),
}

/// A service's answer in progress.
struct ServiceBody {
    incoming: Incoming,
    /// The connection, to be used again once the body is complete.
    lease: Option<Lease>,
    patience: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl ResponseBody {
    pub(crate) fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// A service's answer, which may stay silent for `patience` at a time.
    pub(crate) fn from_service(incoming: Incoming, lease: Lease, patience: Duration) -> Self {
        Self {
            source: Source::Service(ServiceBody {
                incoming,
                lease: Some(lease),
                patience,
                silence: None,
            }),
            attendant: None,
        }
    }

    /// Has `attendant` accompany the body.
    pub(crate) fn attended_by(mut self, attendant: Box<dyn Attendant>) -> Self {
        self.attendant = Some(attendant);
        self
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self {
            source: Source::Own(Some(bytes).filter(|bytes| !bytes.is_empty())),
            attendant: None,
        }
    }
}

impl ServiceBody {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let silence = self
                    .silence
                    .get_or_insert_with(|| Box::pin(sleep(self.patience)));
                return silence
                    .as_mut()
                    .poll(context)
                    .map(|()| Some(Err("the service fell silent in its answer".into())));
            }
        };
        self.silence = None;
        Poll::Ready(match frame {
            None => {
                self.give_back();
                None
            }
            // Trailers are promised by a header that does not pass.
            Some(Ok(frame)) if frame.is_trailers() => {
                self.give_back();
                None
            }
            Some(frame) => {
                if self.incoming.is_end_stream() {
                    self.give_back();
                }
                Some(frame.map_err(Into::into))
            }
        })
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = match &mut this.source {
            Source::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Service(body) => body.poll_frame(context),
        };
        if let (Poll::Ready(frame), Some(attendant)) = (&polled, &mut this.attendant) {
            match frame {
                None => attendant.completed(),
                Some(Ok(frame)) => attendant.sent(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(_)) => {}
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_none(),
            Source::Service(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Source::Service(body) => body.incoming.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A body that says it has ended is not polled again: an empty one never is.
        if self.is_end_stream() {
            if let Source::Service(body) = &mut self.source {
                body.give_back();
            }
            if let Some(attendant) = &mut self.attendant {
                attendant.completed();
            }
        }
    }
}
