//! What clients see while something is down, and that it is over when it is over.

use std::time::{Duration, Instant};

use redis::AsyncCommands;
use serde_json::{Value, json};
use testkit::{
    ChaosProxy, Client, Deployment, Response, Sandbox, Stack, User, eventually, registration,
};

/// Nobody waits longer for an answer, whatever is down.
const A_FEW_SECONDS: Duration = Duration::from_secs(8);
/// After an outage everything works again within this.
const RECOVERY: Duration = Duration::from_secs(20);
/// How long the tests wait for MongoDB, so as not to take all day.
const MONGODB_TIMEOUT: &str = "2s";

async fn stack() -> Stack {
    let builder = Stack::builder().with_outages();
    builder
        .setting("mongodb-timeout", MONGODB_TIMEOUT)
        .start()
        .await
}

type Failure = fn(&ChaosProxy);

/// The two ways for a server to be gone.
fn outages() -> [(&'static str, Failure); 2] {
    [("cut", ChaosProxy::cut), ("hung", ChaosProxy::hang)]
}

async fn in_time(what: &str, answer: impl Future<Output = Response>) -> Response {
    let started = Instant::now();
    let answer = answer.await;
    let elapsed = started.elapsed();
    assert!(
        elapsed < A_FEW_SECONDS,
        "{what} took {elapsed:?}: {answer:?}"
    );
    answer
}

fn is_unavailable(what: &str, answer: &Response, code: &str) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    answer.expect_problem(503, code);
    let seconds = answer
        .header("retry-after")
        .and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(
        seconds.is_some_and(|seconds| (1..=60).contains(&seconds)),
        "{what}: {answer:?}"
    );
}

fn login(user: &User) -> Value {
    json!({ "email": user.email, "password": user.password })
}

/// Asks for everything that needs MongoDB, all at once.
async fn everything_stored(anonymous: &Client, ana: &User) -> Vec<(&'static str, Response)> {
    let (newcomer, credentials, change) =
        (registration("bo"), login(ana), json!({ "bio": "later" }));
    let (by_id, by_name) = (
        format!("/api/users/{}", ana.id),
        format!("/api/users/@{}", ana.username),
    );
    let (registered, logged_in, me, patched, seen_by_id, seen_by_name) = tokio::join!(
        in_time("register", anonymous.post("/api/auth/register", &newcomer)),
        in_time("login", anonymous.post("/api/auth/login", &credentials)),
        in_time("me", ana.get("/api/auth/me")),
        in_time("patch", ana.patch("/api/users/me", &change)),
        in_time("by id", ana.get(&by_id)),
        in_time("by name", ana.get(&by_name)),
    );
    // Apart, for it may end the login that the others use.
    let logout = in_time("logout", ana.log_out()).await;
    let logout_all = in_time("logout-all", ana.post_empty("/api/auth/logout-all")).await;
    vec![
        ("register", registered),
        ("login", logged_in),
        ("me", me),
        ("patch", patched),
        ("by id", seen_by_id),
        ("by name", seen_by_name),
        ("logout", logout),
        ("logout-all", logout_all),
    ]
}

#[tokio::test]
async fn without_mongodb_what_is_stored_is_unavailable_and_comes_back() {
    for (way, fail) in outages() {
        let stack = stack().await;
        let (ana, anonymous) = (stack.user("ana").await, stack.anonymous());
        let bystander = stack.user("cy").await;
        fail(stack.sandbox().mongodb_proxy());

        for (what, answer) in Box::pin(everything_stored(&anonymous, &ana)).await {
            is_unavailable(&format!("mongodb {way}: {what}"), &answer, "unavailable");
        }
        in_time("jwks", anonymous.get("/.well-known/jwks.json"))
            .await
            .expect(200);
        let wrong = json!({ "email": "x" });
        in_time("validation", anonymous.post("/api/auth/login", &wrong))
            .await
            .expect(422);

        stack.sandbox().mongodb_proxy().restore();
        eventually(RECOVERY, async || {
            bystander.get("/api/auth/me").await.status == 200
        })
        .await;
        // Nothing is left over: the very first attempt of each works.
        let bo = stack.user("bo").await;
        let again = bo.log_in_again().await;
        again
            .patch("/api/users/me", &json!({ "bio": "back" }))
            .await
            .expect(200);
        assert_eq!(again.log_out().await.status, 204);
        again
            .get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
        // An answer in time is not known to be yes or no; a logout that was hung may have
        // happened since. Whatever became of it, the account is there.
        let ana = ana.log_in_again().await;
        assert_eq!(ana.me().await["username"], ana.username.as_str());
    }
}

#[tokio::test]
async fn a_registration_that_was_refused_can_be_repeated() {
    let stack = stack().await;
    let anonymous = stack.anonymous();
    let body = registration("ana");
    stack.sandbox().mongodb_proxy().cut();
    let refused = in_time("register", anonymous.post("/api/auth/register", &body)).await;
    is_unavailable("register", &refused, "unavailable");
    stack.sandbox().mongodb_proxy().restore();

    // Whoever was told "try again" may find that it had worked.
    eventually(RECOVERY, async || {
        let answer = anonymous.post("/api/auth/register", &body).await;
        assert!(matches!(answer.status, 201 | 409 | 503), "{answer:?}");
        answer.status != 503
    })
    .await;
    let login = json!({ "email": body["email"], "password": body["password"] });
    anonymous.post("/api/auth/login", &login).await.expect(200);
}

#[tokio::test]
async fn many_callers_at_once_all_get_their_answer_while_mongodb_is_hung() {
    let stack = stack().await;
    let ana = stack.user("ana").await;
    stack.sandbox().mongodb_proxy().hang();
    let asked = (0..100).map(|_| in_time("me", ana.get("/api/auth/me")));
    for answer in futures_util::future::join_all(asked).await {
        is_unavailable("me", &answer, "unavailable");
    }
    stack.sandbox().mongodb_proxy().restore();
    eventually(RECOVERY, async || {
        ana.get("/api/auth/me").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn without_redis_accounts_go_on_working() {
    for (way, fail) in outages() {
        let stack = stack().await;
        let (ana, anonymous) = (stack.user("ana").await, stack.anonymous());
        fail(stack.sandbox().redis_proxy());

        for round in 0..3 {
            let what = |what| format!("redis {way}, round {round}: {what}");
            let body = registration("bo");
            let answer = in_time(
                &what("register"),
                anonymous.post("/api/auth/register", &body),
            )
            .await;
            answer.expect(201);
            has_rate_limit_headers(&answer);
            in_time(
                &what("login"),
                anonymous.post("/api/auth/login", &login(&ana)),
            )
            .await
            .expect(200);
            in_time(&what("me"), ana.get("/api/auth/me"))
                .await
                .expect(200);
            let change = json!({ "bio": way });
            in_time(&what("patch"), ana.patch("/api/users/me", &change))
                .await
                .expect(200);
        }
        stack.sandbox().redis_proxy().restore();
        ana.me().await;
    }
}

fn has_rate_limit_headers(answer: &Response) {
    for name in [
        "ratelimit",
        "ratelimit-policy",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ] {
        assert!(answer.header(name).is_some(), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn without_redis_clients_are_still_limited() {
    let stack = Stack::builder()
        .with_outages()
        .with_production_limits()
        .start()
        .await;
    stack.sandbox().redis_proxy().cut();
    let anonymous = stack.anonymous();
    let mut first_refused = None;
    for n in 1..=101 {
        let answer = anonymous.get("/.well-known/jwks.json").await;
        has_rate_limit_headers(&answer);
        if answer.status == 429 {
            answer.expect_problem(429, "rate_limited");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            first_refused = Some(n);
            break;
        }
    }
    assert_eq!(first_refused, Some(101));
}

#[tokio::test]
async fn a_logout_counts_while_redis_is_down_and_after_it() {
    for (way, fail) in outages() {
        let stack = stack().await;
        let ana = stack.user("ana").await;
        let other = ana.log_in_again().await;
        fail(stack.sandbox().redis_proxy());

        let answer = in_time(&format!("redis {way}: logout"), ana.log_out()).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        eventually(Duration::from_secs(1), async || {
            ana.get("/api/auth/me").await.status == 401
        })
        .await;
        ana.get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
        other.me().await;

        stack.sandbox().redis_proxy().restore();
        stays_dead(&stack, &ana).await;
        other.me().await;
    }
}

#[tokio::test]
async fn a_logout_survives_a_redis_that_lost_everything() {
    let stack = stack().await;
    let ana = stack.user("ana").await;
    let other = ana.log_in_again().await;
    assert_eq!(ana.log_out().await.status, 204);
    ana.get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");

    for _ in 0..3 {
        stack.sandbox().flush_redis().await;
        stays_dead(&stack, &ana).await;
        other.me().await;
    }
}

#[tokio::test]
async fn a_logout_survives_a_redis_that_comes_back_empty() {
    for (_, fail) in outages() {
        let stack = stack().await;
        let ana = stack.user("ana").await;
        assert_eq!(ana.log_out().await.status, 204);
        fail(stack.sandbox().redis_proxy());
        stack.sandbox().flush_redis().await;
        ana.get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
        stack.sandbox().redis_proxy().restore();
        stays_dead(&stack, &ana).await;
    }
}

/// A partition: the gateway reaches Redis, auth does not.
#[tokio::test]
async fn a_logout_counts_when_only_auth_has_lost_redis() {
    let mut deployment = Deployment::new(Sandbox::with_outages().await).await;
    deployment.migrate().await;
    let auth = deployment.start_auth().await;
    let direct = deployment.sandbox().direct_redis_url().to_owned();
    deployment.set("redis-url", direct);
    let gateway = deployment.start_gateway(&[&auth]).await;
    let ana = User::register(&gateway.client(), "ana").await;
    let other = ana.log_in_again().await;

    deployment.sandbox().redis_proxy().cut();
    assert_eq!(in_time("logout", ana.log_out()).await.status, 204);
    eventually(Duration::from_secs(1), async || {
        ana.get("/api/auth/me").await.status == 401
    })
    .await;
    for _ in 0..20 {
        ana.get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
        other.me().await;
    }
}

/// Never once alive until the list in Redis is complete again, nor after.
async fn stays_dead(stack: &Stack, user: &User) {
    let mut redis = stack.redis();
    eventually(RECOVERY, async || {
        user.get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
        let revoked: Vec<String> = redis.keys("session:revoked:*").await.unwrap();
        !revoked.is_empty() && redis.exists("session:revocations-loaded").await.unwrap()
    })
    .await;
    for _ in 0..5 {
        user.get("/api/auth/me")
            .await
            .expect_problem(401, "session_revoked");
    }
}

#[tokio::test]
async fn without_both_databases_the_answer_is_still_quick() {
    let stack = stack().await;
    let ana = stack.user("ana").await;
    stack.sandbox().redis_proxy().hang();
    stack.sandbox().mongodb_proxy().hang();
    let answer = in_time("me", ana.get("/api/auth/me")).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let answer = in_time(
        "login",
        stack.anonymous().post("/api/auth/login", &login(&ana)),
    )
    .await;
    is_unavailable("login", &answer, "unavailable");

    stack.sandbox().redis_proxy().restore();
    stack.sandbox().mongodb_proxy().restore();
    eventually(RECOVERY, async || {
        ana.get("/api/auth/me").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn without_auth_its_routes_are_unavailable_until_it_is_back() {
    let mut stack = stack().await;
    let ana = stack.user("ana").await;
    stack.stop_auth().await;
    for _ in 0..3 {
        let me = in_time("me", ana.get("/api/auth/me")).await;
        is_unavailable("me", &me, "upstream_unavailable");
        let login = in_time(
            "login",
            stack.anonymous().post("/api/auth/login", &login(&ana)),
        )
        .await;
        is_unavailable("login", &login, "upstream_unavailable");
    }
    // What the gateway decides by itself, it still decides.
    stack
        .anonymous()
        .get("/api/auth/me")
        .await
        .expect_problem(401, "missing_token");
    stack
        .anonymous()
        .get("/nowhere")
        .await
        .expect_problem(404, "not_found");

    stack.start_auth().await;
    eventually(RECOVERY, async || {
        ana.get("/api/auth/me").await.status == 200
    })
    .await;
    ana.log_in_again().await.me().await;
}

#[tokio::test]
async fn services_start_while_their_databases_are_down() {
    let mut stack = stack().await;
    let ana = stack.user("ana").await;
    stack.stop_auth().await;
    stack.sandbox().redis_proxy().cut();
    stack.sandbox().mongodb_proxy().cut();
    stack.start_auth().await;
    eventually(RECOVERY, async || {
        stack.anonymous().get("/.well-known/jwks.json").await.status == 200
    })
    .await;
    let login = in_time(
        "login",
        stack.anonymous().post("/api/auth/login", &login(&ana)),
    )
    .await;
    is_unavailable("login", &login, "unavailable");

    stack.sandbox().redis_proxy().restore();
    stack.sandbox().mongodb_proxy().restore();
    eventually(RECOVERY, async || {
        ana.get("/api/auth/me").await.status == 200
    })
    .await;
}
