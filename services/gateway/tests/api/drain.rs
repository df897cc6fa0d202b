//! The end of a gateway, and of a service behind it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domain::SessionId;
use testkit::eventually;
use tokio::net::TcpStream;

use crate::support::{Auth, Gateway, Raw, Redis, SOON, Service, Stack};

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// A gateway as a load balancer knows it.
#[derive(Clone, Copy)]
struct Door {
    http: SocketAddr,
    admin: SocketAddr,
}

impl Door {
    async fn is_ready(&self) -> bool {
        let Ok(stream) = TcpStream::connect(self.admin).await else {
            return false;
        };
        drop(stream);
        let mut raw = Raw::connect(self.admin).await;
        raw.write("GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        raw.try_answer()
            .await
            .is_ok_and(|answer| answer.status == 200)
    }
}

/// Clients that keep their connections, obey `Connection: close`, connect only
/// to a gateway that says it is ready, and never try anything twice.
struct Load {
    answers: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(doors: &[Door], token: &str) -> Self {
        let mut load = Self {
            answers: Arc::default(),
            failures: Arc::default(),
            is_over: Arc::default(),
            clients: Vec::new(),
        };
        let requests = [
            format!(
                "GET /api/users/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
            "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
            format!(
                "GET /api/users/chunked HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
        ];
        for number in 0..24 {
            let client = LoadClient {
                doors: doors.to_vec(),
                requests: requests.clone(),
                answers: Arc::clone(&load.answers),
                failures: Arc::clone(&load.failures),
                is_over: Arc::clone(&load.is_over),
            };
            load.clients.push(tokio::spawn(client.run(number)));
        }
        load
    }

    /// Waits until so many more requests have been answered, or one has not.
    async fn go_on(&self, requests: usize) {
        let goal = self.answers.load(Ordering::SeqCst) + requests;
        eventually(Duration::from_mins(1), async || {
            self.answers.load(Ordering::SeqCst) >= goal || !self.failures.lock().unwrap().is_empty()
        })
        .await;
    }

    async fn finish(self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.unwrap();
        }
        assert_eq!(*self.failures.lock().unwrap(), Vec::<String>::new());
        self.answers.load(Ordering::SeqCst)
    }
}

struct LoadClient {
    doors: Vec<Door>,
    requests: [String; 3],
    answers: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl LoadClient {
    async fn run(self, number: usize) {
        let mut turn = number;
        while !self.is_over.load(Ordering::SeqCst) {
            turn += 1;
            let door = self.doors[turn % self.doors.len()];
            if !door.is_ready().await {
                continue;
            }
            if let Err(failure) = self.use_connection(door).await {
                self.failures.lock().unwrap().push(failure);
                return;
            }
        }
    }

    /// Until the gateway asks to close it.
    async fn use_connection(&self, door: Door) -> Result<(), String> {
        let stream = TcpStream::connect(door.http).await;
        let mut raw = Raw::new(stream.map_err(|error| format!("connect: {error}"))?);
        for request in self.requests.iter().cycle() {
            raw.try_write(request)
                .await
                .map_err(|error| format!("write: {error}"))?;
            let answer = raw
                .try_answer()
                .await
                .map_err(|error| format!("read: {error}"))?;
            if answer.status != 200 {
                return Err(format!("{answer:?}"));
            }
            self.answers.fetch_add(1, Ordering::SeqCst);
            if answer.says_close() || self.is_over.load(Ordering::SeqCst) {
                break;
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_drain_of_one_of_two_gateways_costs_nobody_a_request() {
    let (service, auth, redis) = (
        Service::start().await,
        Auth::start().await,
        Redis::open().await,
    );
    redis.set_loaded().await;
    let flags = [("--redis-url", redis.url.as_str()), ("--drain-delay", "1s")];
    let leaving = Gateway::start(&service, &auth, &flags).await;
    let staying = Gateway::start(&service, &auth, &flags).await;
    let doors = [&leaving, &staying].map(|gateway| Door {
        http: gateway.http,
        admin: gateway.admin,
    });
    let now = runtime::Clock::now(&staying.clock);
    let token = auth.token(domain::UserId::generate(), SessionId::generate(), now);

    let load = Load::start(&doors, &token);
    load.go_on(500).await;
    let ended = leaving.drain().await;
    load.go_on(500).await;
    load.finish().await;
    ended.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_drain_of_one_of_two_services_costs_nobody_a_request() {
    let (leaving, staying) = (Service::start().await, Service::start().await);
    let (auth, redis) = (Auth::start().await, Redis::open().await);
    redis.set_loaded().await;
    let urls = format!("{},{}", leaving.url(), staying.url());
    let flags = [("--redis-url", redis.url.as_str()), ("--auth-url", &urls)];
    let gateway = Gateway::start(&staying, &auth, &flags).await;
    let door = Door {
        http: gateway.http,
        admin: gateway.admin,
    };
    let now = runtime::Clock::now(&gateway.clock);
    let token = auth.token(domain::UserId::generate(), SessionId::generate(), now);

    let load = Load::start(&[door], &token);
    load.go_on(500).await;
    assert!(leaving.requests() > 100);
    leaving.set_ready(false);
    // It goes on accepting until nobody comes any more, as services do for a while.
    let mut seen = (leaving.requests(), Instant::now());
    eventually(SOON, async || {
        if leaving.requests() != seen.0 {
            seen = (leaving.requests(), Instant::now());
        }
        leaving.open() == 0 && seen.1.elapsed() > Duration::from_millis(300)
    })
    .await;
    leaving.leave();
    load.go_on(500).await;
    load.finish().await;
}

#[tokio::test]
async fn while_it_drains_it_still_answers_and_asks_to_be_left() {
    let stack = Stack::with(&[("--drain-delay", "5s")]).await;
    let mut kept = stack.raw().await;
    kept.write(LIVEZ).await;
    assert!(!kept.answer().await.says_close());

    stack.gateway.shutdown.begin_drain();
    let readiness = stack.stranger().get("/readyz").await;
    assert_eq!(readiness.expect(503)["status"], "draining");
    for mut raw in [kept, stack.raw().await] {
        raw.write("POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            .await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200);
        assert!(answer.says_close());
        raw.closed().await;
    }
}

#[tokio::test]
async fn requests_under_way_are_finished() {
    let stack = Stack::start().await;
    let mut raw = stack.raw().await;
    let token = stack.token(SessionId::generate());
    raw.write(format!(
        "GET /api/users/hold HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
    ))
    .await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    stack.gateway.shutdown.begin_drain();
    let http = stack.gateway.http;
    eventually(SOON, async || TcpStream::connect(http).await.is_err()).await;

    stack.service.release(1);
    let answer = raw.answer().await;
    assert_eq!(answer.body, "held");
    assert!(answer.says_close());
    stack.gateway.ended().await.unwrap();
}

#[tokio::test]
async fn idle_connections_are_closed_with_the_port() {
    let stack = Stack::start().await;
    let mut idle = stack.raw().await;
    idle.write(LIVEZ).await;
    assert_eq!(idle.answer().await.status, 200);
    assert!(idle.is_open());
    stack.gateway.drain().await.unwrap();
    idle.closed().await;
}

#[tokio::test]
async fn who_connected_before_the_port_closed_gets_an_answer() {
    let stack = Stack::start().await;
    let mut silent = stack.raw().await;
    let mut begun = stack.raw().await;
    begun.write("GET /livez HT").await;
    stack.gateway.shutdown.begin_drain();
    let http = stack.gateway.http;
    eventually(SOON, async || TcpStream::connect(http).await.is_err()).await;

    silent.write(LIVEZ).await;
    begun.write("TP/1.1\r\nHost: a\r\n\r\n").await;
    for mut raw in [silent, begun] {
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200);
        assert!(answer.says_close());
        raw.closed().await;
    }
    stack.gateway.ended().await.unwrap();
}

#[tokio::test]
async fn who_waits_at_the_port_as_it_closes_is_taken() {
    let stack = Stack::with(&[("--drain-delay", "0s")]).await;
    // This thread is the gateway's, too: it cannot accept any of them yet.
    let waiting: Vec<_> = (0..3000)
        .map(|_| std::net::TcpStream::connect(stack.gateway.http).unwrap())
        .collect();
    stack.gateway.shutdown.begin_drain();
    let mut waiting: Vec<Raw> = waiting
        .into_iter()
        .map(|stream| {
            stream.set_nonblocking(true).unwrap();
            Raw::new(TcpStream::from_std(stream).unwrap())
        })
        .collect();
    for raw in &mut waiting {
        raw.write(LIVEZ).await;
    }
    for raw in &mut waiting {
        assert_eq!(raw.answer().await.status, 200);
    }
}

#[tokio::test]
async fn the_drain_ends_after_its_grace_whatever_runs() {
    let stack = Stack::with(&[("--drain-grace", "300ms")]).await;
    let mut raw = stack.raw().await;
    let token = stack.token(SessionId::generate());
    raw.write(format!(
        "GET /api/users/never HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
    ))
    .await;
    eventually(SOON, async || stack.service.requests() == 1).await;
    assert!(stack.gateway.drain().await.is_err());
    let (rest, _) = raw.rest().await;
    assert_eq!(rest, b"");
    eventually(SOON, async || stack.service.abandoned() == 1).await;
}
