//! What nodes tell each other, over one channel each and one that all hear.

use std::{sync::Arc, time::Duration};

use cache::{Cache, CacheError, Published, keys, redis};
use contracts::realtime::v1::{
    Addition, Disconnect, Emit, NodeMessage, Wake, disconnect::Whose, node_message::Message as Body,
};
use domain::{InvalidId, SessionId, UserId};
use metrics::counter;
use prost::Message as _;
use serde_json::{json, value::RawValue};
use socketio::{LoggedEvent, Message, Offset, Server, SocketId};
use tokio::{sync::Notify, time::sleep};

use crate::{
    refusal::Refusal,
    seats::Seats,
    sockets::{Sockets, end_session, log_of, send_away, session_room, user_room},
};

/// Before a subscription that was lost is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Tells other nodes.
pub(crate) async fn tell(
    cache: &Cache,
    messages: impl IntoIterator<Item = (String, Body)>,
) -> Result<(), CacheError> {
    let mut pipeline = redis::pipe();
    for (channel, body) in messages {
        let message = NodeMessage {
            message: Some(body),
        };
        let published = message.encode_to_vec();
        pipeline.cmd("PUBLISH").arg(channel).arg(published).ignore();
    }
    if pipeline.is_empty() {
        return Ok(());
    }
    Ok(pipeline.exec_async(&mut cache.shared()).await?)
}

/// A node, as it is told things.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) server: Server<Sockets>,
    pub(crate) seats: Arc<Seats>,
    /// Asks for a look at all that could have been missed.
    pub(crate) missed: Arc<Notify>,
    /// Asks for a look at all sessions.
    pub(crate) sweep: Arc<Notify>,
}

/// What was heard has no meaning here.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("not a message of a node")]
    Message(#[from] prost::DecodeError),
    #[error("not an id")]
    Id(#[from] InvalidId),
    #[error("not JSON")]
    Json(#[from] serde_json::Error),
    #[error("not an event")]
    Event(#[from] socketio::EncodeError),
    #[error("not text")]
    Text(#[from] std::str::Utf8Error),
}

impl Node {
    /// Does what is heard on the channels of this node. Never ends by itself.
    pub(crate) async fn hear(self, cache: Cache, name: &str) {
        let channels = [
            keys::node_channel(name),
            keys::NODES.to_owned(),
            keys::SESSIONS_REVOKED.to_owned(),
        ];
        loop {
            let error = match cache.subscribe(&channels).await {
                Ok(mut subscription) => {
                    // Redis keeps nothing for those who do not listen.
                    self.missed.notify_one();
                    self.sweep.notify_one();
                    loop {
                        match subscription.next().await {
                            Ok(published) => self.heard(&published),
                            Err(error) => break error,
                        }
                    }
                }
                Err(error) => error,
            };
            tracing::debug!(%error, "node hears nothing");
            sleep(RETRY).await;
        }
    }

    fn heard(&self, published: &Published) {
        let read = if published.channel == keys::SESSIONS_REVOKED {
            self.end_sessions(&published.payload)
        } else {
            self.read(&published.payload)
        };
        if let Err(error) = read {
            tracing::warn!(%error, channel = published.channel, "message of a node not read");
        }
    }

    fn end_sessions(&self, payload: &[u8]) -> Result<(), Unreadable> {
        for id in std::str::from_utf8(payload)?.split(' ') {
            let id: SessionId = id.parse()?;
            end_session(&self.server, &self.seats, id, Refusal::SessionRevoked);
        }
        Ok(())
    }

    fn read(&self, payload: &[u8]) -> Result<(), Unreadable> {
        match NodeMessage::decode(payload)?.message {
            Some(Body::Wake(wake)) => self.wake(&wake),
            Some(Body::Emit(emit)) => self.emit(emit)?,
            Some(Body::Disconnect(disconnect)) => self.disconnect(&disconnect)?,
            // Of a newer node.
            None => {}
        }
        Ok(())
    }

    /// Something is in the logs of users: with the event itself, whoever is at
    /// the position before it need not read it.
    pub(crate) fn wake(&self, wake: &Wake) {
        let except = &wake.except_socket_id;
        for Addition {
            user_id,
            epoch,
            position,
        } in &wake.additions
        {
            let entry = (!wake.args.is_empty()).then(|| {
                let offset = Offset {
                    epoch: *epoch,
                    position: *position,
                };
                let event = LoggedEvent {
                    args: wake.args.clone(),
                    except: (!except.is_empty()).then(|| except.clone()),
                };
                (offset, event)
            });
            if let Some(feeds) = self.server.feeds() {
                feeds.wake(user_id, entry);
            }
        }
        counter!("realtime_wakes_total").increment(wake.additions.len() as u64);
    }

    fn emit(&self, emit: Emit) -> Result<(), Unreadable> {
        let payload = RawValue::from_string(emit.payload)?;
        let message = Message::event(&emit.event).with(&payload)?;
        let except = SocketId::parse(&emit.except_socket_id);
        for user_id in emit.user_ids {
            let user_id: UserId = user_id.parse()?;
            self.emit_to(user_id, &message, except);
        }
        Ok(())
    }

    /// To the sockets of a user here that nothing is in the way of.
    pub(crate) fn emit_to(&self, user_id: UserId, message: &Message, except: Option<SocketId>) {
        let room = user_room(user_id);
        let mut broadcast = self.server.to(&room).volatile();
        if let Some(except) = except {
            broadcast = broadcast.except(except);
        }
        broadcast.emit(message);
    }

    fn disconnect(&self, disconnect: &Disconnect) -> Result<(), Unreadable> {
        let room = match &disconnect.whose {
            Some(Whose::UserId(id)) => user_room(id.parse()?),
            Some(Whose::SessionId(id)) => session_room(id.parse()?),
            None => return Ok(()),
        };
        let why = json!({ "code": disconnect.reason, "detail": "the connection was ended" });
        send_away(&self.server, &room, &why);
        Ok(())
    }
}

/// Where `offset` is in the log of a user, as nodes tell each other.
pub(crate) fn addition(user_id: UserId, offset: Option<Offset>) -> Addition {
    Addition {
        user_id: log_of(user_id),
        epoch: offset.map_or(0, |it| it.epoch),
        position: offset.map_or(0, |it| it.position),
    }
}
