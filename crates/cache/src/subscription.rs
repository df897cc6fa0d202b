use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use tokio::time::timeout;

use crate::{Cache, CacheError};

/// How long a connection may be silent before Redis is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(1);

/// What is published on some channels from now on, on a connection of its own.
///
/// Redis forgets what nobody hears: whoever subscribes again has missed
/// something, and does not know what.
pub struct Subscription {
    sink: PubSubSink,
    messages: PubSubStream,
    patience: Duration,
}

/// A message, and where it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The channel.
    pub channel: String,
    /// What was said there.
    pub payload: Vec<u8>,
}

impl Cache {
    /// Subscribes to `channels`.
    pub async fn subscribe(&self, channels: &[String]) -> Result<Subscription, CacheError> {
        let patience = self.timeout;
        let subscribe = async {
            let mut connection: PubSub = self.client.get_async_pubsub().await?;
            connection.subscribe(channels).await?;
            Ok::<_, CacheError>(connection.split())
        };
        let subscribed = timeout(patience, subscribe).await;
        let (sink, messages) = subscribed.or(Err(CacheError::Silent))??;
        Ok(Subscription {
            sink,
            messages,
            patience,
        })
    }
}

impl Subscription {
    /// The next message. An error when the connection is gone, also if nobody has said so.
    pub async fn next(&mut self) -> Result<Published, CacheError> {
        loop {
            match timeout(SILENCE, self.messages.next()).await {
                Ok(Some(message)) => {
                    return Ok(Published {
                        channel: message.get_channel_name().to_owned(),
                        payload: message.get_payload()?,
                    });
                }
                Ok(None) => return Err(CacheError::Silent),
                Err(_) => {
                    let answer = timeout(self.patience, self.sink.ping::<redis::Value>()).await;
                    answer.or(Err(CacheError::Silent))??;
                }
            }
        }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
