use std::{io, sync::Arc, time::Duration};

use contracts::topology::must_be_routed;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
    uri::AMQPUri,
};
use runtime::Readiness;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{AmqpSettings, BusError};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the broker to confirm.
pub(crate) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds. Peers are given up after two of them: a process that is frozen, or
/// cut off without a word, gives its messages and its place as the active
/// consumer back within ten seconds, and not after two minutes.
const HEARTBEAT: u16 = 4;
/// AMQP's persistent delivery mode: survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// A message on its way to the broker.
#[derive(Clone, Debug)]
pub struct Message {
    /// Tells copies of the same message.
    pub id: String,
    /// Where it goes.
    pub exchange: String,
    /// The routing key.
    pub key: String,
    /// Trace context and whatever else goes beside the payload.
    pub headers: Vec<(String, String)>,
    /// What it says.
    pub payload: Vec<u8>,
}

/// Publishes with publisher confirms: what is `Ok` is in the queues, on disk,
/// replicated. Anything else may have arrived or not.
///
/// Cheap to clone; clones share a connection, which is made at first use and
/// again whenever it is lost.
#[derive(Clone)]
pub struct Publisher {
    url: SecretString,
    name: &'static str,
    link: Arc<Mutex<Link>>,
}

/// The way to the broker, as far as there is one.
#[derive(Default)]
struct Link {
    open: Option<Open>,
    /// When the last attempt failed, and why.
    failed: Option<(Instant, BusError)>,
    /// How many connections there have been.
    generation: u64,
}

struct Open {
    connection: Connection,
    channel: Channel,
}

/// A channel and which of the link's connections it belongs to.
struct Way {
    channel: Channel,
    generation: u64,
}

impl Publisher {
    /// A publisher that the broker knows as `name`. The broker need not be up.
    #[must_use]
    pub fn new(settings: &AmqpSettings, name: &'static str) -> Self {
        Self {
            url: settings.amqp_url.clone(),
            name,
            link: Arc::default(),
        }
    }

    /// Publishes one message and waits for the confirm.
    pub async fn publish(&self, message: &Message) -> Result<(), BusError> {
        let outcome = self.publish_all(std::slice::from_ref(message)).await;
        outcome.into_iter().next().unwrap_or(Err(BusError::Timeout))
    }

    /// Publishes messages in their order without waiting between them, then
    /// waits for all confirms; tells of each what became of it.
    pub async fn publish_all(&self, messages: &[Message]) -> Vec<Result<(), BusError>> {
        let began = Instant::now();
        let deadline = began + CONFIRM_TIMEOUT;
        let mut outcomes = Vec::with_capacity(messages.len());
        match self.channel().await {
            Ok(way) => {
                let mut is_broken = false;
                let mut confirms = Vec::with_capacity(messages.len());
                for message in messages {
                    let sending = timeout_at(deadline, send(&way.channel, message)).await;
                    confirms.push(sending.unwrap_or(Err(BusError::Timeout)));
                }
                for confirm in confirms {
                    let outcome = match confirm {
                        Ok(confirm) => timeout_at(deadline, confirmed(confirm)).await,
                        Err(error) => Ok(Err(error)),
                    };
                    let outcome = outcome.unwrap_or(Err(BusError::Timeout));
                    is_broken |= matches!(outcome, Err(BusError::Broker(_) | BusError::Timeout));
                    outcomes.push(outcome);
                }
                if is_broken {
                    self.give_up(way.generation).await;
                }
            }
            Err(error) => {
                outcomes.push(Err(error));
                outcomes.resize_with(messages.len(), || Err(BusError::Timeout));
            }
        }
        for outcome in &outcomes {
            let outcome = outcome.as_ref().map_or("error", |()| "confirmed");
            metrics::counter!("bus_published_total", "outcome" => outcome).increment(1);
        }
        metrics::histogram!("bus_confirm_duration_seconds").record(began.elapsed());
        outcomes
    }

    /// Keeps the connection up and notes whether it is as dependency
    /// `rabbitmq`. Never ends by itself.
    pub async fn watch(self, readiness: Readiness) {
        loop {
            readiness.set_dependency("rabbitmq", self.channel().await.is_ok());
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether the broker takes a connection.
    pub async fn ping(&self) -> Result<(), BusError> {
        self.channel().await.map(drop)
    }

    async fn channel(&self) -> Result<Way, BusError> {
        let asked = Instant::now();
        let mut link = self.link.lock().await;
        if let Some(Open { channel, .. }) = link.open.as_ref().filter(|open| open.is_usable()) {
            return Ok(Way {
                channel: channel.clone(),
                generation: link.generation,
            });
        }
        // An attempt that failed while this caller waited for it is the answer
        // to this caller, too: if each made its own, the last would wait for all.
        if let Some((_, error)) = link.failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(error.clone());
        }
        link.open = None;
        let connecting = timeout(CONNECT_TIMEOUT, Open::connect(&self.url, self.name)).await;
        match connecting.unwrap_or(Err(BusError::Timeout)) {
            Ok(open) => {
                let channel = open.channel.clone();
                link.open = Some(open);
                link.generation += 1;
                let generation = link.generation;
                Ok(Way {
                    channel,
                    generation,
                })
            }
            Err(error) => {
                link.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Drops a connection whose state is not known, unless another has taken
    /// its place; the next use makes another.
    async fn give_up(&self, generation: u64) {
        let mut link = self.link.lock().await;
        if link.generation == generation {
            link.open = None;
        }
    }
}

impl Open {
    async fn connect(url: &SecretString, name: &'static str) -> Result<Self, BusError> {
        let connection = connect(url, name).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            connection,
            channel,
        })
    }

    fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

/// A connection that is not recovered behind our back: whoever uses it builds
/// a new one, so that nothing is acknowledged on a channel that did not deliver it.
pub(crate) async fn connect(
    url: &SecretString,
    name: &'static str,
) -> Result<Connection, lapin::Error> {
    let parsed = url.expose_secret().parse::<AMQPUri>();
    let mut uri = parsed.map_err(io::Error::other)?;
    uri.query.heartbeat = Some(HEARTBEAT);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connect_uri(uri, properties).await
}

async fn send(channel: &Channel, message: &Message) -> Result<PublisherConfirm, BusError> {
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        let value = AMQPValue::LongString(value.as_str().into());
        headers.insert(name.as_str().into(), value);
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message.id.as_str().into())
        .with_headers(headers);
    let options = BasicPublishOptions {
        // Without it, a message that no queue takes is confirmed all the same.
        mandatory: must_be_routed(&message.exchange, &message.key),
        ..BasicPublishOptions::default()
    };
    let (exchange, key) = (message.exchange.as_str(), message.key.as_str());
    let publish = channel.basic_publish(
        exchange.into(),
        key.into(),
        options,
        &message.payload,
        properties,
    );
    Ok(publish.await?)
}

async fn confirmed(confirm: PublisherConfirm) -> Result<(), BusError> {
    match confirm.await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err(BusError::Unroutable),
        Confirmation::Nack(_) | Confirmation::NotRequested => Err(BusError::NotConfirmed),
    }
}
