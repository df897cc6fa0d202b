//! One trace shows a request from the gateway to the database.

use std::time::Duration;

use serde_json::json;
use testkit::{
    Client, Deployment, OtlpCollector, Sandbox, Service, Span, SpanLink, User, eventually_some,
};

/// The parent that a client brings, in the form of W3C trace context.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
/// The trace of somebody else.
const OTHER_TRACE_ID: &str = "80e1afed08e019fc1110464cfa66635c";

/// From the end of a request to its spans at the collector.
const EXPORT: Duration = Duration::from_secs(20);

struct Traced {
    collector: OtlpCollector,
    gateway: Service,
    posts: Service,
    _auth: Service,
    deployment: Deployment,
}

async fn traced() -> Traced {
    let collector = OtlpCollector::start().await;
    let mut deployment = Deployment::new(Sandbox::create().await).await;
    deployment.set("otlp-endpoint", collector.endpoint());
    deployment.migrate().await;
    let auth = deployment.start_auth().await;
    let posts = deployment.start_posts(&auth).await;
    let gateway = deployment.start_gateway(&[&auth, &posts]).await;
    Traced {
        collector,
        gateway,
        posts,
        _auth: auth,
        deployment,
    }
}

fn tracing_client(gateway: &Service) -> Client {
    client_in(TRACE_ID, gateway)
}

fn client_in(trace_id: &str, gateway: &Service) -> Client {
    gateway
        .client()
        .with_header("traceparent", &format!("00-{trace_id}-{CLIENT_SPAN}-01"))
}

fn span<'a>(trace: &'a [Span], service: &str, name: &str) -> Option<&'a Span> {
    trace
        .iter()
        .find(|span| span.service == service && span.name == name)
}

/// The chain of parents from `leaf` upwards, as `service name`.
fn ancestry(trace: &[Span], leaf: &Span) -> Vec<String> {
    let mut chain = vec![format!("{} {}", leaf.service, leaf.name)];
    let mut parent = &leaf.parent_id;
    while let Some(span) = trace.iter().find(|span| span.id == *parent) {
        chain.push(format!("{} {}", span.service, span.name));
        parent = &span.parent_id;
    }
    chain
}

#[tokio::test]
async fn a_request_is_one_trace_from_the_gateway_to_mongodb() {
    let traced = traced().await;
    let ana = User::register(&traced.gateway.client(), "ana").await;
    ana.at(&tracing_client(&traced.gateway))
        .get("/api/auth/me")
        .await
        .expect(200);

    let (trace, leaf) = eventually_some(EXPORT, async || {
        let trace = traced.collector.trace(TRACE_ID);
        let leaf = span(&trace, "auth", "mongodb.users.own")?.clone();
        span(&trace, "gateway", "http.gateway")?;
        span(&trace, "auth", "http.auth.me")?;
        Some((trace, leaf))
    })
    .await;
    assert_eq!(
        ancestry(&trace, &leaf),
        [
            "auth mongodb.users.own",
            "auth http.auth.me",
            "gateway http.gateway"
        ]
    );

    let first = span(&trace, "gateway", "http.gateway").unwrap();
    assert_eq!(
        first.parent_id, CLIENT_SPAN,
        "the client's own span is the parent: {first:?}"
    );
    assert_eq!(
        (first.kind.as_str(), leaf.kind.as_str()),
        ("server", "client")
    );
    assert_eq!(first.attributes["http.response.status_code"], "200");
    assert_eq!(first.attributes["user.id"], ana.id);
    let request_ids: Vec<_> = trace
        .iter()
        .filter_map(|span| span.attributes.get("request.id"))
        .collect();
    assert!(
        request_ids.len() >= 2 && request_ids.iter().all(|id| *id == request_ids[0]),
        "{request_ids:?}"
    );
}

#[tokio::test]
async fn a_login_that_writes_is_one_trace_too() {
    let traced = traced().await;
    let ana = User::register(&tracing_client(&traced.gateway), "ana").await;
    let (trace, leaf) = eventually_some(EXPORT, async || {
        let trace = traced.collector.trace(TRACE_ID);
        let leaf = span(&trace, "auth", "mongodb.users.open")?.clone();
        span(&trace, "gateway", "http.gateway")?;
        span(&trace, "auth", "http.auth.register")?;
        Some((trace, leaf))
    })
    .await;
    assert_eq!(
        ancestry(&trace, &leaf),
        [
            "auth mongodb.users.open",
            "auth http.auth.register",
            "gateway http.gateway"
        ]
    );
    let shown = format!("{trace:?}");
    for secret in [&ana.email, &ana.password, &ana.token] {
        assert!(!shown.contains(secret.as_str()), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_post_is_one_trace_from_the_gateway_to_the_counter_of_its_author() {
    let traced = traced().await;
    let ana = User::register(&traced.gateway.client(), "ana").await;
    ana.at(&tracing_client(&traced.gateway))
        .post("/api/posts", &json!({ "content": "hello" }))
        .await
        .expect(201);

    let (trace, leaf) = eventually_some(EXPORT, async || {
        let trace = traced.collector.trace(TRACE_ID);
        let leaf = span(&trace, "auth", "mongodb.users.set_posts_count")?.clone();
        span(&trace, "posts", "publish posts.counted")?;
        span(&trace, "posts", "mongodb.posts.insert")?;
        span(&trace, "posts", "http.posts.create_post")?;
        span(&trace, "gateway", "http.gateway")?;
        Some((trace, leaf))
    })
    .await;
    assert_eq!(
        ancestry(&trace, &leaf),
        [
            "auth mongodb.users.set_posts_count",
            "auth process auth-events",
            "posts publish posts.counted",
            "posts mongodb.posts.insert",
            "posts http.posts.create_post",
            "gateway http.gateway"
        ]
    );
}

#[tokio::test]
async fn a_comment_is_one_trace_from_the_gateway_to_what_its_reader_is_told() {
    let traced = traced().await;
    let door = traced.gateway.client();
    let (ana, bo) = tokio::join!(User::register(&door, "ana"), User::register(&door, "bo"));
    let post = bo.publish("hello").await;
    let path = format!("/api/posts/{}/comments", post["_id"].as_str().unwrap());
    ana.at(&tracing_client(&traced.gateway))
        .post(&path, &json!({ "content": "hello, you" }))
        .await
        .expect(201);

    let (trace, leaf) = eventually_some(EXPORT, async || {
        let trace = traced.collector.trace(TRACE_ID);
        let leaf = span(&trace, "posts", "publish notifications-queue")?.clone();
        span(&trace, "posts", "mongodb.comments.insert")?;
        span(&trace, "posts", "http.posts.create_comment")?;
        span(&trace, "gateway", "http.gateway")?;
        Some((trace, leaf))
    })
    .await;
    assert_eq!(
        ancestry(&trace, &leaf),
        [
            "posts publish notifications-queue",
            "posts http.posts.create_comment",
            "gateway http.gateway"
        ]
    );
}

#[tokio::test]
async fn a_like_is_followed_from_the_gateway_through_its_batch_to_the_transaction() {
    let mut traced = traced().await;
    let (ana, bo) = (
        User::register(&traced.gateway.client(), "ana").await,
        User::register(&traced.gateway.client(), "bo").await,
    );
    let post = bo.publish("hello").await;
    let path = format!("/api/posts/{}/like", post["_id"].as_str().unwrap());
    // Nobody works on the queue yet, so that both likes are there for one batch.
    for (user, trace_id) in [(&ana, TRACE_ID), (&bo, OTHER_TRACE_ID)] {
        let client = user.at(&client_in(trace_id, &traced.gateway));
        client.post_empty(&path).await.expect(200);
    }
    traced.deployment.set("batch-wait", "500ms");
    let _worker = traced.deployment.start_worker(&[&traced.posts]).await;

    let publication = async |trace_id| {
        eventually_some(EXPORT, async || {
            let trace = traced.collector.trace(trace_id);
            let published = span(&trace, "posts", "publish likes-queue")?.clone();
            span(&trace, "gateway", "http.gateway")?;
            span(&trace, "posts", "http.posts.like_post")?;
            Some((trace, published))
        })
        .await
    };
    let mut links = Vec::new();
    for trace_id in [TRACE_ID, OTHER_TRACE_ID] {
        let (trace, published) = publication(trace_id).await;
        assert_eq!(
            ancestry(&trace, &published),
            [
                "posts publish likes-queue",
                "posts http.posts.like_post",
                "gateway http.gateway"
            ]
        );
        assert_eq!(published.kind, "producer");
        links.push(SpanLink {
            trace_id: published.trace_id,
            span_id: published.id,
        });
    }

    let batch = eventually_some(EXPORT, async || {
        let spans = traced.collector.spans();
        spans.into_iter().find(|span| !span.links.is_empty())
    })
    .await;
    assert_eq!((batch.kind.as_str(), batch.links.len()), ("consumer", 2));
    assert!(links.iter().all(|it| batch.links.contains(it)), "{batch:?}");

    let (trace, leaf) = eventually_some(EXPORT, async || {
        let trace = traced.collector.trace(&batch.trace_id);
        let leaf = span(&trace, "posts", "mongodb.likes.apply")?.clone();
        let call = "anufy.posts.v1.LikesService/ApplyLikes";
        span(&trace, "posts", call)?;
        Some((trace, leaf))
    })
    .await;
    assert_eq!(
        ancestry(&trace, &leaf),
        [
            "posts mongodb.likes.apply".to_owned(),
            "posts anufy.posts.v1.LikesService/ApplyLikes".to_owned(),
            format!("worker {}", batch.name),
        ]
    );
    assert!(batch.name.starts_with("process likes-queue."), "{batch:?}");
}

#[tokio::test]
async fn a_client_without_a_trace_begins_one() {
    let traced = traced().await;
    traced
        .gateway
        .client()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    let first = eventually_some(EXPORT, async || {
        let spans = traced.collector.spans();
        let mut roots = spans.into_iter().filter(|span| span.name == "http.gateway");
        roots.find(|span| {
            span.attributes
                .get("url.path")
                .is_some_and(|path| path.ends_with("jwks.json"))
        })
    })
    .await;
    assert_eq!(first.parent_id, "");
    assert_ne!(first.trace_id, TRACE_ID);
}

#[tokio::test]
async fn a_broken_parent_begins_a_new_trace() {
    let traced = traced().await;
    for header in [
        "",
        "x",
        "00-0-0-01",
        &format!("00-{}-{CLIENT_SPAN}-01", "0".repeat(32)),
    ] {
        let client = traced.gateway.client().with_header("traceparent", header);
        client.get("/.well-known/jwks.json").await.expect(200);
    }
    eventually_some(EXPORT, async || {
        let spans = traced.collector.spans();
        let roots = spans
            .iter()
            .filter(|span| span.name == "http.gateway" && span.parent_id.is_empty());
        (roots.count() >= 4).then_some(())
    })
    .await;
}
