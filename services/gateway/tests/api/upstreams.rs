//! Replicas that come, go and hang.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use testkit::{ChaosProxy, Client, eventually};

use crate::support::{Auth, Gateway, Raw, Redis, SOON, Service, Standstill};

struct Replicas {
    gateway: Gateway,
    services: [Service; 2],
    user: Client,
    _auth: Auth,
    _redis: Redis,
}

impl Replicas {
    async fn start() -> Self {
        let services = [Service::start().await, Service::start().await];
        let (auth, redis) = (Auth::start().await, Redis::open().await);
        redis.set_loaded().await;
        let urls = format!("{},{}", services[0].url(), services[1].url());
        let flags = [("--redis-url", redis.url.as_str()), ("--auth-url", &urls)];
        let gateway = Gateway::start(&services[0], &auth, &flags).await;
        let now = runtime::Clock::now(&gateway.clock);
        let token = auth.token(
            domain::UserId::generate(),
            domain::SessionId::generate(),
            now,
        );
        let user = gateway.client().with_token(&token);
        Self {
            gateway,
            services,
            user,
            _auth: auth,
            _redis: redis,
        }
    }

    /// Sends requests and says how many each replica got.
    async fn spread(&self, requests: usize) -> [usize; 2] {
        let before = self.services.each_ref().map(Service::requests);
        for _ in 0..requests {
            self.user.get("/api/users/1").await.expect(200);
        }
        let after = self.services.each_ref().map(Service::requests);
        [after[0] - before[0], after[1] - before[1]]
    }
}

#[tokio::test]
async fn replicas_share_the_work() {
    let replicas = Replicas::start().await;
    let [one, two] = replicas.spread(40).await;
    assert!(one >= 10 && two >= 10, "{one} and {two}");
}

#[tokio::test]
async fn a_busy_replica_gets_less() {
    let replicas = Replicas::start().await;
    let user = replicas.user.clone();
    let held = tokio::spawn(async move { user.get("/api/users/hold").await });
    eventually(SOON, async || {
        replicas
            .services
            .iter()
            .any(|service| service.requests() == 1)
    })
    .await;
    let busy = usize::from(replicas.services[1].requests() == 1);
    assert_eq!(replicas.spread(10).await[busy], 0);
    replicas.services[busy].release(1);
    assert_eq!(held.await.unwrap().text(), "held");
}

#[tokio::test]
async fn a_replica_that_is_gone_costs_no_request() {
    let replicas = Replicas::start().await;
    replicas.spread(10).await;
    replicas.services[0].crash().await;
    assert_eq!(replicas.spread(20).await, [0, 20]);
}

#[tokio::test]
async fn a_replica_that_is_not_ready_is_left_alone_and_its_connections_closed() {
    let replicas = Replicas::start().await;
    replicas.spread(10).await;
    replicas.services[0].set_ready(false);
    eventually(SOON, async || replicas.services[0].open() == 0).await;
    assert_eq!(replicas.spread(10).await, [0, 10]);

    replicas.services[0].set_ready(true);
    eventually(SOON, async || replicas.spread(4).await[0] > 0).await;
}

#[tokio::test]
async fn when_no_replica_is_ready_they_are_tried_all_the_same() {
    let replicas = Replicas::start().await;
    for service in &replicas.services {
        service.set_ready(false);
    }
    eventually(SOON, async || {
        let metrics = replicas.gateway.metrics().await;
        let address = replicas.services[0].address;
        metrics.lines().any(|line| {
            line.starts_with("gateway_upstream_up")
                && line.contains(&address.to_string())
                && line.ends_with(" 0")
        })
    })
    .await;
    replicas.spread(4).await;
}

#[tokio::test]
async fn when_every_replica_is_gone_the_answer_is_a_503_at_once() {
    let replicas = Replicas::start().await;
    for service in &replicas.services {
        service.crash().await;
    }
    let started = Instant::now();
    eventually(SOON, async || {
        let answer = replicas.user.get("/api/users/1").await;
        answer.status == 503
    })
    .await;
    let answer = replicas.user.get("/api/users/1").await;
    answer.expect_problem(503, "upstream_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_pooled_connection_that_was_closed_costs_no_request() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    let proxy = ChaosProxy::start(service.address.to_string());
    let url = format!("http://{}", proxy.address());
    let flags = [("--redis-url", redis.url.as_str()), ("--auth-url", &url)];
    let gateway = Gateway::start(&service, &auth, &flags).await;
    for _ in 0..5 {
        gateway
            .client()
            .post_empty("/api/auth/login")
            .await
            .expect(200);
        // Resets the pooled connection, and takes new ones again.
        proxy.cut();
        eventually(SOON, async || service.open() == 0).await;
        proxy.restore();
        eventually(SOON, async || {
            tokio::net::TcpStream::connect(proxy.address())
                .await
                .is_ok()
        })
        .await;
        gateway
            .client()
            .post_empty("/api/auth/login")
            .await
            .expect(200);
    }
}

/// A service on threads of its own, which goes on while the test's stands still.
struct Threaded {
    address: SocketAddr,
    open: Arc<Mutex<Vec<std::net::TcpStream>>>,
}

impl Threaded {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::<Mutex<Vec<std::net::TcpStream>>>::default();
        let accepted = Arc::clone(&open);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                accepted.lock().unwrap().push(stream.try_clone().unwrap());
                std::thread::spawn(|| Self::answer(stream));
            }
        });
        Self { address, open }
    }

    /// Every request is taken to end with its head.
    fn answer(mut stream: std::net::TcpStream) {
        let mut seen = Vec::new();
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut part) {
            seen.extend_from_slice(&part[..read]);
            if seen.ends_with(b"\r\n\r\n") {
                seen.clear();
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                let _ = stream.write_all(answer);
            }
        }
    }

    fn hang_up(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

#[tokio::test]
async fn a_pooled_connection_that_closes_as_it_is_used_costs_no_request() {
    let (auth, redis, service) = (Auth::start().await, Redis::open().await, Threaded::start());
    let (url, proxy) = (
        format!("http://{}", service.address),
        ChaosProxy::start(redis.host()),
    );
    // Without Redis a request gets as far as its upstream connection in one go.
    proxy.cut();
    let redis_url = redis.url_through(proxy.address());
    let flags = [("--redis-url", redis_url.as_str()), ("--auth-url", &url)];
    let gateway = Gateway::start(&Service::start().await, &auth, &flags).await;
    for _ in 0..3 {
        let mut raw = Raw::connect(gateway.http).await;
        let request = "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        raw.write(request).await;
        assert_eq!(raw.answer().await.body, "ok");
        raw.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.answer().await;

        // The gateway hears of both at once, of the request first.
        Standstill::during(&gateway, || {
            raw.write_at_once(request);
            service.hang_up();
        })
        .await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_given_up_within_its_time() {
    // A listener whose backlog is full takes no more connections.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(
        Duration::from_millis(200),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        waiting.push(stream);
    }

    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    let url = format!("http://{address}");
    let flags = [
        ("--redis-url", redis.url.as_str()),
        ("--auth-url", &url),
        ("--upstream-connect-timeout", "200ms"),
    ];
    let gateway = Gateway::start(&service, &auth, &flags).await;
    let started = Instant::now();
    let answer = gateway.client().post_empty("/api/auth/login").await;
    answer.expect_problem(503, "upstream_unavailable");
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_name_may_have_many_addresses_and_one_that_is_not_known_is_a_503() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    let port = service.address.port();
    let by_name = format!("http://localhost:{port}");
    let flags = [
        ("--redis-url", redis.url.as_str()),
        ("--auth-url", &by_name),
    ];
    let gateway = Gateway::start(&service, &auth, &flags).await;
    gateway
        .client()
        .post_empty("/api/auth/login")
        .await
        .expect(200);

    let flags = [
        ("--redis-url", redis.url.as_str()),
        ("--auth-url", "http://nowhere.invalid:1"),
    ];
    let gateway = Gateway::start(&service, &auth, &flags).await;
    let answer = gateway.client().post_empty("/api/auth/login").await;
    answer.expect_problem(503, "upstream_unavailable");
}
