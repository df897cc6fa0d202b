//! Events for people, wherever their sockets are.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use cache::{Cache, keys};
use contracts::realtime::v1::{Disconnect, Emit, Wake, node_message::Message as Body};
use domain::UserId;
use futures_util::{StreamExt, stream};
use metrics::counter;
use serde_json::value::RawValue;
use socketio::{Appended, EventLog, LogError, LoggedEvent, Message, Offset, SocketId};

use crate::{
    error::DeliveryError,
    node::{Node, addition, tell},
    presence::{Presence, Whereabouts},
    sockets::log_of,
};

/// Appends under way at a time; they share a connection, which sends them together.
const APPENDS: usize = 256;
/// Longest payload, in bytes.
const PAYLOAD_MAX: usize = 256 * 1024;
/// Longest name of an event and longest id of a delivery, in bytes.
const NAME_MAX: usize = 100;

/// Delivers events and sends sockets away.
pub(crate) struct Delivery {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) cache: Cache,
    pub(crate) node: Node,
}

/// An event for some users.
pub(crate) struct Parcel {
    pub(crate) users: Vec<UserId>,
    event: String,
    payload: Box<RawValue>,
    message: Message,
    logged: LoggedEvent,
    /// The socket that does not get it.
    except: Option<SocketId>,
}

impl Parcel {
    /// An event whose parts keep their rules.
    pub(crate) fn pack(
        mut users: Vec<UserId>,
        event: String,
        payload: String,
        except: &str,
    ) -> Result<Self, DeliveryError> {
        use DeliveryError::Invalid;

        if !(1..=NAME_MAX).contains(&event.len()) {
            return Err(Invalid("event must have 1 to 100 bytes"));
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(Invalid("payload must have at most 256 KiB"));
        }
        let payload = RawValue::from_string(payload);
        let payload = payload.or(Err(Invalid("payload must be JSON")))?;
        let message = Message::event(&event)
            .with(&payload)
            .or(Err(Invalid("payload must be JSON")))?;
        let except = match except {
            "" => None,
            id => {
                let id = SocketId::parse(id);
                Some(id.ok_or(Invalid("except_socket_id must be the id of a socket"))?)
            }
        };
        let logged = LoggedEvent::new(&message, except);
        let logged = logged.or(Err(Invalid("event must be text")))?;
        let mut known = HashSet::with_capacity(users.len());
        users.retain(|it| known.insert(*it));
        Ok(Self {
            users,
            event,
            payload,
            message,
            logged,
            except,
        })
    }

    fn except_text(&self) -> String {
        self.except.map(|it| it.to_string()).unwrap_or_default()
    }

    /// What a node is told that holds `users`: where the event is in their logs,
    /// with the event itself; and of whom it is not known, that something may be.
    fn wakes(
        &self,
        users: &[UserId],
        added: &HashMap<UserId, Option<Offset>>,
    ) -> impl Iterator<Item = Wake> + use<> {
        let mut fresh = Wake {
            args: self.logged.args.clone(),
            except_socket_id: self.except_text(),
            additions: Vec::new(),
        };
        let mut unknown = Wake::default();
        for user_id in users {
            let Some(offset) = added.get(user_id) else {
                continue;
            };
            let is_known = offset.is_some();
            let wake = if is_known { &mut fresh } else { &mut unknown };
            wake.additions.push(addition(*user_id, *offset));
        }
        let wakes = [fresh, unknown].into_iter();
        wakes.filter(|it| !it.additions.is_empty())
    }
}

impl Delivery {
    /// Writes an event to the logs of those who follow one, then wakes the
    /// nodes that hold their sockets. Returns who is online.
    ///
    /// The logs come first: a node that is not in the whereabouts yet opens
    /// its log later, and begins behind the event.
    pub(crate) async fn deliver(
        &self,
        parcel: &Parcel,
        delivery_id: &str,
    ) -> Result<HashSet<UserId>, DeliveryError> {
        if !(1..=NAME_MAX).contains(&delivery_id.len()) {
            let rule = "delivery_id must have 1 to 100 bytes";
            return Err(DeliveryError::Invalid(rule));
        }
        let mut failed = None;
        let mut added: HashMap<UserId, Option<Offset>> = HashMap::new();
        for (user_id, outcome) in self.append(parcel, delivery_id).await {
            match outcome {
                Ok(Appended::At(offset)) => {
                    added.insert(user_id, Some(offset));
                }
                // Whoever appended it may not have come to wake anybody. And where there is
                // no log, whoever follows one has lost it, and finds that out.
                Ok(Appended::Repeated | Appended::Nobody) => {
                    added.insert(user_id, None);
                }
                Err(error) => failed = Some(error),
            }
        }
        // This node needs no Redis to know whom it has.
        for wake in parcel.wakes(&parcel.users, &added) {
            self.node.wake(&wake);
        }
        let whereabouts = self.presence.find(&parcel.users).await?;
        let messages = self.others(&whereabouts).flat_map(|(node, users)| {
            let channel = keys::node_channel(node);
            let wakes = parcel.wakes(users, &added);
            wakes.map(move |it| (channel.clone(), Body::Wake(it)))
        });
        tell(&self.cache, messages).await?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(whereabouts.online()),
        }
    }

    async fn append(
        &self,
        parcel: &Parcel,
        delivery_id: &str,
    ) -> Vec<(UserId, Result<Appended, LogError>)> {
        let event = &parcel.logged;
        let appends = stream::iter(parcel.users.iter().copied()).map(async |user_id| {
            let log = log_of(user_id);
            let outcome = self.log.append(&log, event, Some(delivery_id)).await;
            let word = match &outcome {
                Ok(Appended::At(_)) => "logged",
                Ok(Appended::Repeated) => "repeated",
                Ok(Appended::Nobody) => "nobody",
                Err(_) => "failed",
            };
            counter!("realtime_deliveries_total", "outcome" => word).increment(1);
            (user_id, outcome)
        });
        appends.buffer_unordered(APPENDS).collect().await
    }

    /// The nodes that are not this one, and whom they hold.
    fn others<'a>(
        &'a self,
        whereabouts: &'a Whereabouts,
    ) -> impl Iterator<Item = (&'a String, &'a Vec<UserId>)> {
        let nodes = whereabouts.nodes.iter();
        nodes.filter(|(node, _)| *node != self.presence.node())
    }

    /// Emits an event to whoever is connected right now. Returns who is online.
    pub(crate) async fn emit(&self, parcel: &Parcel) -> Result<HashSet<UserId>, DeliveryError> {
        let whereabouts = self.presence.find(&parcel.users).await?;
        for user_id in &parcel.users {
            self.node.emit_to(*user_id, &parcel.message, parcel.except);
        }
        let messages = self.others(&whereabouts).map(|(node, users)| {
            let emit = Emit {
                event: parcel.event.clone(),
                payload: parcel.payload.get().to_owned(),
                except_socket_id: parcel.except_text(),
                user_ids: users.iter().map(ToString::to_string).collect(),
            };
            (keys::node_channel(node), Body::Emit(emit))
        });
        tell(&self.cache, messages).await?;
        let count = parcel.users.len() as u64;
        counter!("realtime_deliveries_total", "outcome" => "volatile").increment(count);
        Ok(whereabouts.online())
    }

    /// Sends sockets away, on every node; this one hears it like the others.
    pub(crate) async fn disconnect(&self, disconnect: Disconnect) -> Result<(), DeliveryError> {
        let message = (keys::NODES.to_owned(), Body::Disconnect(disconnect));
        Ok(tell(&self.cache, [message]).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(event: &str, payload: &str, except: &str) -> Result<Parcel, DeliveryError> {
        let user = UserId::generate();
        Parcel::pack(
            vec![user, user],
            event.to_owned(),
            payload.to_owned(),
            except,
        )
    }

    #[test]
    fn a_parcel_is_an_event_for_each_user_once() {
        let parcel = pack("feed:new", r#"{"a": [1, "ü"]}"#, "").unwrap();
        assert_eq!(parcel.users.len(), 1);
        assert_eq!(parcel.logged.args, r#"["feed:new",{"a": [1, "ü"]}]"#);
        assert_eq!(parcel.except, None);
    }

    #[test]
    fn what_breaks_a_rule_is_not_packed() {
        let long = "x".repeat(NAME_MAX + 1);
        for (event, payload, except) in [
            ("", "1", ""),
            (&*long, "1", ""),
            ("e", "", ""),
            ("e", "{", ""),
            ("e", "1 2", ""),
            ("e", "1", "short"),
        ] {
            assert!(
                pack(event, payload, except).is_err(),
                "{event} {payload} {except}"
            );
        }
        let long = format!("\"{}\"", "x".repeat(PAYLOAD_MAX));
        assert!(pack("e", &long, "").is_err());
    }
}
