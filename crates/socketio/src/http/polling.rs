//! The requests of a client that polls.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::{Answer, refusal::Refusal, text_answer};
use crate::{DisconnectReason, engine, session::Session};

/// Packets in the body of one request: what a burst may come to, and no more than is looked at in a
/// moment.
const MAX_PACKETS: usize = 4096;

/// Answers a request of an open session.
pub(super) async fn answer(
    request: Request<Incoming>,
    session: &Arc<Session>,
) -> Result<Answer, Refusal> {
    match *request.method() {
        Method::GET => {
            let frames = session.poll().await.or(Err(Refusal::BadRequest))?;
            Ok(text_answer(engine::encode_payload(frames.iter())))
        }
        Method::POST => {
            let body = read(request, session).await?;
            let packets = engine::decode_payload(&body, MAX_PACKETS).map_err(|error| {
                tracing::debug!(%error, "a client posted what is not the protocol");
                session.close(DisconnectReason::ParseError);
                Refusal::BadRequest
            })?;
            let taken = session.post(packets).or(Err(Refusal::BadRequest))?;
            // The client posts more when this is in the inbox.
            taken.await.or(Err(Refusal::BadRequest))?;
            Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
        }
        _ => Err(Refusal::BadRequest),
    }
}

async fn read(request: Request<Incoming>, session: &Session) -> Result<Bytes, Refusal> {
    let limit = session.config().max_payload;
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            session.close(DisconnectReason::ParseError);
            Err(Refusal::TooLarge)
        }
        // The client hung up over it.
        Err(_) => {
            session.close(DisconnectReason::TransportError);
            Err(Refusal::BadRequest)
        }
    }
}
