//! The messages that feeds are kept up to date by.

use bus::Message;
use contracts::topology::{
    BLOCK_CHANGED, EVENTS, FEED_UPDATES, FOLLOW_CHANGED, JOBS, POST_DELETED, POST_EDITED,
    POSTS_EVENTS, USER_CHANGED,
};
use mongodb::bson::oid::ObjectId;
use testkit::{Metrics, Service, Wiretap};

/// Their keys: jobs, and the facts that posts listens to.
const KEYS: [&str; 6] = [
    FEED_UPDATES,
    USER_CHANGED,
    FOLLOW_CHANGED,
    BLOCK_CHANGED,
    POST_EDITED,
    POST_DELETED,
];

/// Those that were published through `tap`, to be published once more.
pub(super) fn published(tap: &Wiretap) -> Vec<Message> {
    let message = |step: testkit::Step| {
        let key = step.name.strip_prefix("basic.publish ")?;
        let exchange = if key == FEED_UPDATES { JOBS } else { EVENTS };
        KEYS.contains(&key).then(|| Message {
            id: ObjectId::new().to_hex(),
            exchange: exchange.to_owned(),
            key: key.to_owned(),
            headers: Vec::new(),
            payload: step.content.clone(),
        })
    };
    tap.recorded().into_iter().filter_map(message).collect()
}

/// How many of them `services` have dealt with.
pub(super) async fn settled(services: &[Service]) -> u64 {
    let mut sum = 0;
    for service in services {
        let metrics = Metrics::of(&service.operator()).await.expect("metrics");
        sum += metrics.sum("bus_settled_total", |labels| {
            labels.contains(FEED_UPDATES) || labels.contains(POSTS_EVENTS)
        });
    }
    sum
}
