//! Values kept aside, their leases and their epoch, in a real Redis.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use cache::{Aside, Cache, Found, Lease, RedisSettings, forget};
use clap::Parser;
use redis::AsyncCommands;
use runtime::{Readiness, Shutdown};
use testkit::{ChaosProxy, Sandbox, eventually};

const KEY: &str = "post:1";
const MINUTE: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    redis: RedisSettings,
}

/// What a process keeps, once it knows which life of Redis this is.
async fn aside(sandbox: &Sandbox) -> (Cache, Aside) {
    let flags = Flags::parse_from(["x", "--redis-url", &sandbox.redis_url()]);
    let cache = Cache::connect(&flags.redis).unwrap();
    let readiness = Readiness::new(&Shutdown::new());
    tokio::spawn(cache.clone().watch(readiness));
    eventually(PATIENCE, async || cache.epoch().is_some()).await;
    let aside = Aside::new(&cache);
    (cache, aside)
}

async fn read(aside: &Aside, key: &str) -> Found {
    aside.read(&[key.to_owned()]).await.remove(0)
}

async fn value(aside: &Aside) -> Option<Vec<u8>> {
    match read(aside, KEY).await {
        Found::Hit(value) => Some(value),
        Found::Miss(_) => None,
    }
}

async fn lease(aside: &Aside) -> Lease {
    match read(aside, KEY).await {
        Found::Miss(Some(lease)) => lease,
        other => panic!("not a lease: {other:?}"),
    }
}

async fn fill(aside: &Aside, lease: Lease, value: &str) {
    aside.fill(&[(lease, value.into(), MINUTE)]).await;
}

#[tokio::test]
async fn what_was_filled_is_found_for_as_long_as_it_may_live() {
    let sandbox = Sandbox::create().await;
    let (_, aside) = aside(&sandbox).await;
    let given = lease(&aside).await;
    fill(&aside, given, "one").await;
    assert_eq!(value(&aside).await.unwrap(), b"one");
    let millis: i64 = sandbox.redis().pttl(KEY).await.unwrap();
    assert!((50_000..=60_000).contains(&millis), "{millis}");
}

#[tokio::test]
async fn what_is_found_comes_in_the_order_of_the_keys() {
    let sandbox = Sandbox::create().await;
    let (_, aside) = aside(&sandbox).await;
    // More than Redis is asked at once.
    let keys: Vec<String> = (0..2_500).map(|n| format!("post:{n}")).collect();
    let fills = aside.read(&keys).await.into_iter().enumerate();
    let fills: Vec<_> = fills
        .filter(|(n, _)| n % 2 == 0)
        .map(|(n, found)| match found {
            Found::Miss(Some(lease)) => (lease, n.to_string().into_bytes(), MINUTE),
            other => panic!("not a lease: {other:?}"),
        })
        .collect();
    aside.fill(&fills).await;
    for (n, found) in aside.read(&keys).await.into_iter().enumerate() {
        match found {
            Found::Hit(value) => assert_eq!(value, n.to_string().into_bytes()),
            Found::Miss(lease) => assert!(n % 2 == 1 && lease.is_none(), "{n}"),
        }
    }
}

#[tokio::test]
async fn one_of_many_gets_the_lease() {
    let sandbox = Sandbox::create().await;
    let (_, one) = aside(&sandbox).await;
    let (_, another) = aside(&sandbox).await;
    let keys = [KEY.to_owned()];
    let reads = (0..50).map(|n| if n % 2 == 0 { &one } else { &another }.read(&keys));
    let found = futures_util::future::join_all(reads).await;
    let leases = found
        .iter()
        .filter(|found| matches!(found[..], [Found::Miss(Some(_))]));
    assert_eq!(leases.count(), 1);
}

#[tokio::test]
async fn what_was_read_before_a_change_is_not_stored_after_it() {
    let sandbox = Sandbox::create().await;
    let (cache, aside) = aside(&sandbox).await;
    let before = lease(&aside).await;
    forget(&cache, &[KEY.to_owned()]).await.unwrap();
    fill(&aside, before, "old").await;
    let after = lease(&aside).await;

    // Nor does it take away the lease of whoever reads what is there now.
    forget(&cache, &[KEY.to_owned()]).await.unwrap();
    let later = lease(&aside).await;
    fill(&aside, after, "old").await;
    fill(&aside, later, "new").await;
    assert_eq!(value(&aside).await.unwrap(), b"new");
}

#[tokio::test]
async fn a_value_that_changed_is_forgotten() {
    let sandbox = Sandbox::create().await;
    let (cache, aside) = aside(&sandbox).await;
    let given = lease(&aside).await;
    fill(&aside, given, "old").await;
    forget(&cache, &[KEY.to_owned()]).await.unwrap();
    lease(&aside).await;
    forget(&cache, &[]).await.unwrap();
}

#[tokio::test]
async fn a_lease_runs_out() {
    let sandbox = Sandbox::create().await;
    let (_, aside) = aside(&sandbox).await;
    let slow = lease(&aside).await;
    let mut redis = sandbox.redis();
    let millis: i64 = redis.pttl(KEY).await.unwrap();
    assert!((1..=3_000).contains(&millis), "{millis}");

    let _: bool = redis.pexpire(KEY, 1).await.unwrap();
    eventually(PATIENCE, async || {
        !redis.clone().exists::<_, bool>(KEY).await.unwrap()
    })
    .await;
    let quick = lease(&aside).await;
    fill(&aside, slow, "late").await;
    assert_eq!(value(&aside).await, None);
    fill(&aside, quick, "in time").await;
    assert_eq!(value(&aside).await.unwrap(), b"in time");
}

#[tokio::test]
async fn what_another_life_of_redis_left_is_not_believed() {
    let sandbox = Sandbox::create().await;
    let (_, aside) = aside(&sandbox).await;
    let given = lease(&aside).await;
    fill(&aside, given, "kept").await;

    // As a Redis that forgot its last second finds it in its log.
    let mut redis = sandbox.redis();
    let mut bytes: Vec<u8> = redis.get(KEY).await.unwrap();
    bytes[1] ^= 1;
    let _: () = redis.set(KEY, &bytes).await.unwrap();
    let given = lease(&aside).await;
    fill(&aside, given, "new").await;
    assert_eq!(value(&aside).await.unwrap(), b"new");

    // Nor is a lease of that life the end of all fills.
    let _: bool = redis.del(KEY).await.unwrap();
    let old = lease(&aside).await;
    let mut bytes: Vec<u8> = redis.get(KEY).await.unwrap();
    bytes[1] ^= 1;
    let _: () = redis.set(KEY, &bytes).await.unwrap();
    let given = lease(&aside).await;
    fill(&aside, old, "old").await;
    fill(&aside, given, "new").await;
    assert_eq!(value(&aside).await.unwrap(), b"new");
}

#[tokio::test]
async fn nothing_is_there_and_nobody_waits_while_redis_is_gone() {
    let sandbox = Sandbox::with_outages().await;
    let (cache, aside) = aside(&sandbox).await;
    let given = lease(&aside).await;
    fill(&aside, given, "kept").await;
    let keys = vec![KEY.to_owned(); 3];
    for outage in [ChaosProxy::cut, ChaosProxy::hang] {
        outage(sandbox.redis_proxy());
        let found = aside.read(&keys).await;
        assert_eq!(found.len(), keys.len());
        assert!(found.iter().all(|it| matches!(it, Found::Miss(None))));

        eventually(PATIENCE, async || cache.epoch().is_none()).await;
        let began = Instant::now();
        for _ in 0..100 {
            assert!(matches!(read(&aside, KEY).await, Found::Miss(None)));
        }
        assert!(began.elapsed() < Duration::from_millis(100), "it was asked");
        let other = ["post:2".to_owned()];
        assert!(forget(&cache, &other).await.is_err());

        sandbox.redis_proxy().restore();
        eventually(PATIENCE, async || value(&aside).await.is_some()).await;
    }
}
