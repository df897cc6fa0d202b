//! The revocation list against a real Redis that forgets and disappears.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cache::{Cache, RedisSettings, RevocationStatus, Revocations, keys};
use clap::Parser;
use domain::SessionId;
use testkit::{Sandbox, eventually};

const HOUR: Duration = Duration::from_hours(1);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    redis: RedisSettings,
}

fn cache(sandbox: &Sandbox) -> Cache {
    let url = sandbox.redis_url();
    Cache::connect(&Flags::parse_from(["x", "--redis-url", &url]).redis).unwrap()
}

async fn status(cache: &Cache, session: SessionId) -> RevocationStatus {
    let mut connection = cache.shared();
    let (is_revoked, is_loaded, is_current) = redis::pipe()
        .exists(keys::revoked_session(session))
        .exists(keys::REVOCATIONS_LOADED)
        .exists(keys::REVOCATIONS_CURRENT)
        .query_async(&mut connection)
        .await
        .unwrap();
    RevocationStatus::from_exists(is_revoked, is_loaded, is_current)
}

async fn load(list: &Revocations, sessions: &[SessionId]) -> bool {
    let mark = list.begin_load().await.unwrap();
    let entries: Vec<_> = sessions.iter().map(|id| (*id, HOUR)).collect();
    list.add(&entries).await.unwrap();
    list.finish_load(&mark).await.unwrap()
}

#[tokio::test]
async fn a_session_is_unknown_until_the_list_is_loaded() {
    let sandbox = Sandbox::create().await;
    let cache = cache(&sandbox);
    let list = Revocations::new(cache.clone());
    let (dead, alive) = (SessionId::generate(), SessionId::generate());

    assert_eq!(status(&cache, alive).await, RevocationStatus::Unknown);
    assert!(load(&list, &[dead]).await);
    assert_eq!(status(&cache, alive).await, RevocationStatus::Stale);
    list.renew().await.unwrap();
    assert_eq!(status(&cache, alive).await, RevocationStatus::Alive);
    assert_eq!(status(&cache, dead).await, RevocationStatus::Revoked);

    sandbox.flush_redis().await;
    assert_eq!(status(&cache, dead).await, RevocationStatus::Unknown);
}

#[tokio::test]
async fn a_list_that_nobody_renews_is_soon_stale() {
    let sandbox = Sandbox::create().await;
    let cache = cache(&sandbox);
    let list = Revocations::new(cache.clone());
    assert!(load(&list, &[]).await);
    list.renew().await.unwrap();
    let session = SessionId::generate();
    eventually(Duration::from_secs(5), async || {
        status(&cache, session).await == RevocationStatus::Stale
    })
    .await;
}

#[tokio::test]
async fn a_load_that_a_flush_interrupts_is_not_complete() {
    let sandbox = Sandbox::create().await;
    let cache = cache(&sandbox);
    let list = Revocations::new(cache.clone());
    let dead = SessionId::generate();

    let mark = list.begin_load().await.unwrap();
    list.add(&[(dead, HOUR)]).await.unwrap();
    sandbox.flush_redis().await;
    assert!(!list.finish_load(&mark).await.unwrap());
    assert_eq!(status(&cache, dead).await, RevocationStatus::Unknown);
}

#[tokio::test]
async fn a_load_that_another_load_overtakes_is_not_complete() {
    let sandbox = Sandbox::create().await;
    let list = Revocations::new(cache(&sandbox));
    let first = list.begin_load().await.unwrap();
    let second = list.begin_load().await.unwrap();
    assert!(!list.finish_load(&first).await.unwrap());
    assert!(list.finish_load(&second).await.unwrap());
}

#[tokio::test]
async fn a_revocation_lasts_as_long_as_its_tokens_could() {
    let sandbox = Sandbox::create().await;
    let cache = cache(&sandbox);
    let session = SessionId::generate();
    Revocations::new(cache.clone())
        .add(&[(session, HOUR)])
        .await
        .unwrap();
    let mut connection = cache.shared();
    let seconds: i64 = redis::cmd("TTL")
        .arg(keys::revoked_session(session))
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!((3590..=3600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_revocation_is_published_once() {
    let sandbox = Sandbox::create().await;
    let cache = cache(&sandbox);
    let list = Revocations::new(cache.clone());
    let channels = [keys::SESSIONS_REVOKED.to_owned()];
    let mut subscription = cache.subscribe(&channels).await.unwrap();
    let [one, two, three] = [(); 3].map(|()| SessionId::generate());
    list.add(&[(one, HOUR)]).await.unwrap();
    list.add(&[(one, HOUR), (two, HOUR)]).await.unwrap();
    list.add(&[(two, HOUR), (one, HOUR)]).await.unwrap();
    list.add(&[(three, HOUR)]).await.unwrap();
    // Channels belong to no database: other tests publish on this one, too.
    let mut heard = Vec::new();
    while heard.last() != Some(&three) {
        let payload = subscription.next().await.unwrap().payload;
        let payload = String::from_utf8(payload).unwrap();
        let ids = payload.split(' ').map(|id| id.parse().unwrap());
        heard.extend(ids.filter(|id: &SessionId| [one, two, three].contains(id)));
    }
    assert_eq!(heard, [one, two, three]);
}

#[tokio::test]
async fn commands_fail_while_redis_is_gone_and_work_when_it_is_back() {
    let sandbox = Sandbox::with_outages().await;
    let cache = cache(&sandbox);
    cache.ping().await.unwrap();
    for outage in [testkit::ChaosProxy::cut, testkit::ChaosProxy::hang] {
        outage(sandbox.redis_proxy());
        assert!(cache.ping().await.is_err());
        assert!(Revocations::new(cache.clone()).begin_load().await.is_err());
        sandbox.redis_proxy().restore();
        eventually(Duration::from_secs(10), async || cache.ping().await.is_ok()).await;
    }
}
