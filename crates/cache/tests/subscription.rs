//! What is published is heard, and a subscription that is gone is known to be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cache::{Cache, Published, RedisSettings};
use clap::Parser;
use testkit::{Sandbox, eventually_some};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    redis: RedisSettings,
}

fn cache(sandbox: &Sandbox) -> Cache {
    let url = sandbox.redis_url();
    Cache::connect(&Flags::parse_from(["x", "--redis-url", &url]).redis).unwrap()
}

async fn publish(sandbox: &Sandbox, channel: &str, payload: &[u8]) {
    redis::cmd("PUBLISH")
        .arg(channel)
        .arg(payload)
        .exec_async(&mut sandbox.redis())
        .await
        .unwrap();
}

/// Two channels that no other test knows.
fn channels(sandbox: &Sandbox) -> [String; 2] {
    let name = sandbox.mongodb_database();
    [format!("{name}:a"), format!("{name}:b")]
}

#[tokio::test]
async fn everything_published_since_is_heard_in_its_order() {
    let sandbox = Sandbox::create().await;
    let channels = channels(&sandbox);
    let mut subscription = cache(&sandbox).subscribe(&channels).await.unwrap();
    let said = [(0, &b"one"[..]), (1, b"\xff\x00"), (0, b"")];
    for (channel, payload) in said {
        publish(&sandbox, &channels[channel], payload).await;
    }
    for (channel, payload) in said {
        let expected = Published {
            channel: channels[channel].clone(),
            payload: payload.to_vec(),
        };
        assert_eq!(subscription.next().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_subscription_that_hears_nothing_any_more_says_so() {
    let sandbox = Sandbox::with_outages().await;
    let cache = cache(&sandbox);
    let channels = channels(&sandbox);
    for outage in [testkit::ChaosProxy::cut, testkit::ChaosProxy::hang] {
        let subscribe = async || cache.subscribe(&channels).await.ok();
        let mut subscription = eventually_some(Duration::from_secs(10), subscribe).await;
        outage(sandbox.redis_proxy());
        assert!(subscription.next().await.is_err());
        assert!(cache.subscribe(&channels).await.is_err());
        sandbox.redis_proxy().restore();
    }
}
