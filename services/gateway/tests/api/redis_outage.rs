//! The gateway without Redis.

use std::time::{Duration, Instant};

use domain::SessionId;
use testkit::{ChaosProxy, eventually};

use crate::support::{Auth, Gateway, Redis, SOON, Service};

const PRODUCTION: (&str, &str) = ("--rate-limit-policy", "production");

struct Outage {
    gateway: Gateway,
    auth: Auth,
    redis: Redis,
    proxy: ChaosProxy,
    _service: Service,
}

impl Outage {
    async fn prepare() -> Self {
        let (service, auth, redis) = (
            Service::start().await,
            Auth::start().await,
            Redis::open().await,
        );
        redis.set_loaded().await;
        let proxy = ChaosProxy::start(redis.host());
        let url = redis.url_through(proxy.address());
        let flags = [
            ("--redis-url", url.as_str()),
            ("--redis-timeout", "2s"),
            PRODUCTION,
        ];
        let gateway = Gateway::start(&service, &auth, &flags).await;
        Self {
            gateway,
            auth,
            redis,
            proxy,
            _service: service,
        }
    }

    fn token(&self, session: SessionId) -> String {
        let now = runtime::Clock::now(&self.gateway.clock);
        self.auth.token(domain::UserId::generate(), session, now)
    }

    /// What is left to a stranger after one more request.
    async fn remaining(&self) -> u32 {
        let answer = self.gateway.client().post_empty("/api/auth/register").await;
        answer
            .header("x-ratelimit-remaining")
            .unwrap()
            .parse()
            .unwrap()
    }
}

#[tokio::test]
async fn while_redis_is_down_each_gateway_counts_for_itself() {
    let outage = Outage::prepare().await;
    assert_eq!(outage.remaining().await, 99);

    outage.proxy.cut();
    assert_eq!(outage.remaining().await, 99);
    assert_eq!(outage.remaining().await, 98);
    for _ in 0..98 {
        outage.remaining().await;
    }
    let answer = outage
        .gateway
        .client()
        .post_empty("/api/auth/register")
        .await;
    answer.expect_problem(429, "rate_limited");
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"100-in-15min\"; q=100; w=900")
    );
    outage.gateway.clock.advance(Duration::from_mins(15));
    assert_eq!(outage.remaining().await, 99);

    outage.proxy.restore();
    let key = cache::keys::rate_limit("production", "127.0.0.1");
    eventually(SOON, async || {
        let before: u32 = outage.redis.run(&["GET", &key]).await;
        outage.remaining().await;
        let after: u32 = outage.redis.run(&["GET", &key]).await;
        after == before + 1
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_waited_for_once_and_not_by_everybody() {
    let outage = Outage::prepare().await;
    outage.remaining().await;
    outage.proxy.hang();
    outage.remaining().await;
    let started = Instant::now();
    for _ in 0..20 {
        outage.remaining().await;
    }
    // One more wait would be two seconds.
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn revocations_hold_without_redis() {
    let outage = Outage::prepare().await;
    let (ended, alive) = (SessionId::generate(), SessionId::generate());
    outage.auth.end(ended);
    outage.proxy.cut();
    let get = async |session| {
        let client = outage.gateway.client().with_token(&outage.token(session));
        client.get("/api/auth/me").await
    };
    get(ended).await.expect_problem(401, "session_revoked");
    get(alive).await.expect(200);

    outage.auth.fail(true);
    get(SessionId::generate())
        .await
        .expect_problem(503, "upstream_unavailable");
    outage.gateway.client().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn the_outage_is_reported_and_does_not_end_readiness() {
    let outage = Outage::prepare().await;
    let admin = testkit::Client::new(format!("http://{}", outage.gateway.admin));
    let redis_is = async |state: &str| {
        let report = admin.get("/readyz").await.expect(200);
        report["dependencies"]["redis"] == state
    };
    eventually(SOON, async || redis_is("up").await).await;
    outage.proxy.cut();
    eventually(SOON, async || redis_is("down").await).await;
    outage.proxy.restore();
    eventually(SOON, async || redis_is("up").await).await;
}

#[tokio::test]
async fn a_gateway_starts_without_redis() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    let proxy = ChaosProxy::start(redis.host());
    proxy.cut();
    let url = redis.url_through(proxy.address());
    let gateway = Gateway::start(&service, &auth, &[("--redis-url", &url), PRODUCTION]).await;
    gateway
        .client()
        .post_empty("/api/auth/register")
        .await
        .expect(200);
}
