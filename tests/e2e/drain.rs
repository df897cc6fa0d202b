//! A service that is told to end loses nobody: clients that do not retry see
//! neither a reset nor an error while replicas come and go.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use contracts::rpc::CREDENTIAL_HEADER;
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{Client, Deployment, Sandbox, Service, User, eventually};
use tokio::{net::TcpStream, task::JoinSet};

const CLIENTS: usize = 16;
const SOON: Duration = Duration::from_secs(30);

/// A gateway as a load balancer sees it.
#[derive(Clone)]
struct Door {
    http: SocketAddr,
    operator: Client,
}

impl Door {
    fn of(gateway: &Service) -> Self {
        Self {
            http: gateway.http,
            operator: gateway.operator(),
        }
    }

    async fn is_ready(&self) -> bool {
        let ask = self.operator.request(testkit::Method::GET, "/readyz");
        self.operator
            .try_send(ask)
            .await
            .is_ok_and(|answer| answer.status == 200)
    }
}

/// Clients that keep their connections as long as they are let, never retry,
/// and open new ones only where the load balancer would.
struct Load {
    answered: Arc<AtomicUsize>,
    faults: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    /// One client for each of `users`.
    fn start(doors: &[Door], users: &[User]) -> Self {
        let mut load = Self {
            answered: Arc::default(),
            faults: Arc::default(),
            is_over: Arc::default(),
            clients: JoinSet::new(),
        };
        for (n, user) in users.iter().enumerate() {
            let client = LoadClient {
                n,
                doors: doors.to_vec(),
                user: user.clone(),
                answered: Arc::clone(&load.answered),
                is_over: Arc::clone(&load.is_over),
            };
            let faults = Arc::clone(&load.faults);
            load.clients.spawn(async move {
                if let Err(fault) = client.run().await {
                    faults.lock().unwrap().push(format!("client {n}: {fault}"));
                }
            });
        }
        load
    }

    /// Waits until `count` more requests have been answered.
    async fn more(&self, count: usize) {
        let target = self.answered.load(Ordering::SeqCst) + count;
        eventually(SOON, async || {
            self.assert_no_faults();
            self.answered.load(Ordering::SeqCst) >= target
        })
        .await;
    }

    fn assert_no_faults(&self) {
        let faults = self.faults.lock().unwrap();
        assert!(faults.is_empty(), "{faults:#?}");
    }

    async fn end(mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.assert_no_faults();
    }
}

struct LoadClient {
    n: usize,
    doors: Vec<Door>,
    user: User,
    answered: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl LoadClient {
    async fn run(&self) -> Result<(), String> {
        let mut turn = self.n;
        while !self.is_over.load(Ordering::SeqCst) {
            turn += 1;
            let door = &self.doors[turn % self.doors.len()];
            if door.is_ready().await {
                self.use_connection(door.http).await?;
            }
        }
        Ok(())
    }

    /// Sends requests over one connection until the gateway says that the next
    /// needs another.
    async fn use_connection(&self, address: SocketAddr) -> Result<(), String> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("connect: {error}"))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("handshake: {error}"))?;
        tokio::spawn(connection);
        let mut turn = self.n;
        while !self.is_over.load(Ordering::SeqCst) {
            turn += 1;
            let (request, what) = self.request(address, turn);
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|error| format!("{what}: {error:?}"))?;
            let (head, body) = answer.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| format!("{what}, body: {error:?}"))?;
            if !head.status.is_success() {
                let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
                return Err(format!("{what}: {} {body}", head.status));
            }
            self.answered.fetch_add(1, Ordering::SeqCst);
            let asked_to_close = head.headers.get("connection");
            if asked_to_close.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close")) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads, writes, and the slow one that hashes a password.
    fn request(&self, address: SocketAddr, turn: usize) -> (Request<Full<Bytes>>, String) {
        let User {
            email, password, ..
        } = &self.user;
        let (method, path, body) = match turn % 8 {
            0 => (
                "POST",
                "/api/auth/login".to_owned(),
                json!({ "email": email, "password": password }),
            ),
            1 | 5 => (
                "PATCH",
                "/api/users/me".to_owned(),
                json!({ "bio": format!("turn {turn}") }),
            ),
            2 | 6 => (
                "GET",
                format!("/api/users/@{}", self.user.username),
                Value::Null,
            ),
            _ => ("GET", "/api/auth/me".to_owned(), Value::Null),
        };
        let what = format!("{method} {path} at {address}");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", address.to_string())
            .header("authorization", format!("Bearer {}", self.user.token))
            .header("content-type", "application/json");
        let body = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        (request.body(Full::new(body)).unwrap(), what)
    }
}

async fn deployment() -> Deployment {
    let mut deployment = Deployment::new(Sandbox::create().await).await;
    // Longer than the load balancer of these tests needs to notice.
    deployment.set("drain-delay", "2s");
    deployment.set("drain-grace", "10s");
    deployment.migrate().await;
    deployment
}

async fn ends_well(service: &mut Service) {
    service.process.terminate();
    let status = service.process.wait_exit(SOON).await;
    assert_eq!(status.code(), Some(0), "{:#?}", service.process.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_come_and_go_under_load_and_nobody_notices() {
    let deployment = deployment().await;
    let mut auths = [deployment.start_auth().await, deployment.start_auth().await];
    let mut gateways = [
        deployment.start_gateway(&[&auths[0], &auths[1]]).await,
        deployment.start_gateway(&[&auths[0], &auths[1]]).await,
    ];
    let door = gateways[1].client();
    let users = (0..CLIENTS).map(|_| User::register(&door, "ana"));
    let users = futures_util::future::join_all(users).await;
    let doors: Vec<_> = gateways.iter().map(Door::of).collect();
    let load = Load::start(&doors, &users);
    load.more(200).await;

    ends_well(&mut gateways[0]).await;
    load.more(200).await;
    ends_well(&mut auths[0]).await;
    load.more(200).await;
    load.end().await;

    for survivor in [&gateways[1], &auths[1]] {
        assert_eq!(survivor.operator().get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn a_gateway_that_was_told_to_end_says_so_and_serves_those_who_have_not_noticed() {
    let mut deployment = deployment().await;
    deployment.set("drain-delay", "3s");
    let auth = deployment.start_auth().await;
    let mut gateway = deployment.start_gateway(&[&auth]).await;
    let ana = User::register(&gateway.client(), "ana").await;

    gateway.process.terminate();
    is_draining(&gateway).await;
    let answer = ana.get("/api/auth/me").await;
    answer.expect(200);
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    let status = gateway.process.wait_exit(SOON).await;
    assert_eq!(status.code(), Some(0), "{:#?}", gateway.process.output());
}

#[tokio::test]
async fn an_auth_that_was_told_to_end_says_so_and_serves_those_who_have_not_noticed() {
    let mut deployment = deployment().await;
    deployment.set("drain-delay", "3s");
    let mut auth = deployment.start_auth().await;
    let insider = auth
        .client()
        .with_header(CREDENTIAL_HEADER, deployment.credential().expose_secret());

    auth.process.terminate();
    is_draining(&auth).await;
    insider.get("/readyz").await.expect(503);
    let answer = insider.get("/.well-known/jwks.json").await;
    answer.expect(200);
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    let status = auth.process.wait_exit(SOON).await;
    assert_eq!(status.code(), Some(0), "{:#?}", auth.process.output());
}

async fn is_draining(service: &Service) {
    let operator = service.operator();
    eventually(Duration::from_secs(2), async || {
        let answer = operator.get("/readyz").await;
        answer.status == 503 && answer.json()["status"] == "draining"
    })
    .await;
    operator.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_connection_that_rests_does_not_hold_up_the_end() {
    let deployment = deployment().await;
    let mut auth = deployment.start_auth().await;
    let mut gateway = deployment.start_gateway(&[&auth]).await;
    let ana = User::register(&gateway.client(), "ana").await;
    // One that has just been used, and one on which nothing was ever sent.
    ana.me().await;
    let silent = [gateway.http, auth.http].map(TcpStream::connect);
    let silent = futures_util::future::try_join_all(silent).await.unwrap();

    for service in [&mut gateway, &mut auth] {
        let started = Instant::now();
        ends_well(service).await;
        // The delay, and not the grace.
        assert!(
            started.elapsed() < Duration::from_secs(6),
            "{:?}",
            started.elapsed()
        );
    }
    drop(silent);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut deployment = deployment().await;
    deployment.set("drain-delay", "60s");
    deployment.set("drain-grace", "60s");
    let mut auth = deployment.start_auth().await;
    let mut gateway = deployment.start_gateway(&[&auth]).await;
    for service in [&mut gateway, &mut auth] {
        service.process.terminate();
        is_draining(service).await;
        service.process.terminate();
        let status = service.process.wait_exit(Duration::from_secs(5)).await;
        assert_eq!(status.code(), Some(1), "{:#?}", service.process.output());
    }
}

#[tokio::test]
async fn a_service_that_is_killed_costs_no_more_than_what_it_was_doing() {
    let deployment = deployment().await;
    let auths = [deployment.start_auth().await, deployment.start_auth().await];
    let gateway = deployment.start_gateway(&[&auths[0], &auths[1]]).await;
    let ana = User::register(&gateway.client(), "ana").await;
    auths[0].process.kill();
    eventually(Duration::from_secs(5), async || {
        ana.get("/api/auth/me").await.status == 200
    })
    .await;
    for _ in 0..50 {
        ana.me().await;
    }
}
