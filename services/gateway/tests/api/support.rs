//! A real gateway on real sockets, with a real Redis; what stands behind it
//! is played by [`Service`] and [`Auth`].

mod auth;
mod raw;
mod realtime;
mod service;
mod standstill;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cache::redis;
use clap::Parser;
use domain::{SessionId, UserId};
use gateway::{App, Command, Settings};
use runtime::{Clock, ManualClock, Shutdown, admin::RenderMetrics};
use testkit::{Client, eventually};
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

pub(crate) use auth::{Auth, predecessor_session};
pub(crate) use raw::{Answer, Raw, echoed};
pub(crate) use realtime::{Realtime, Socket, upgrade};
pub(crate) use service::Service;
pub(crate) use standstill::Standstill;
use standstill::StoppingClock;

/// Longest wait for anything that should happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(10);
pub(crate) const CREDENTIAL: &str = "0123456789abcdef0123456789abcdef";
/// What tests set unless they say otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("--http-addr", "127.0.0.1:0"),
    ("--admin-addr", "127.0.0.1:0"),
    ("--service-credential", CREDENTIAL),
    ("--rate-limit-policy", "local"),
    ("--drain-delay", "50ms"),
    ("--drain-grace", "20s"),
];

/// Everything a gateway needs, and one gateway.
pub(crate) struct Stack {
    pub(crate) gateway: Gateway,
    pub(crate) service: Service,
    pub(crate) auth: Auth,
    pub(crate) redis: Redis,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of one's own, as flags and values.
    pub(crate) async fn with(flags: &[(&str, &str)]) -> Self {
        let (service, auth, redis) = (
            Service::start().await,
            Auth::start().await,
            Redis::open().await,
        );
        redis.set_loaded().await;
        let url = redis.url.clone();
        let mut all = vec![("--redis-url", url.as_str())];
        all.extend_from_slice(flags);
        let gateway = Gateway::start(&service, &auth, &all).await;
        Self {
            gateway,
            service,
            auth,
            redis,
        }
    }

    /// With a replica of realtime, and settings of one's own.
    pub(crate) async fn before_realtime(flags: &[(&str, &str)]) -> (Realtime, Self) {
        let realtime = Realtime::start().await;
        let url = realtime.url();
        let mut all = vec![("--realtime-url", url.as_str())];
        all.extend_from_slice(flags);
        let stack = Self::with(&all).await;
        (realtime, stack)
    }

    /// A client without a token.
    pub(crate) fn stranger(&self) -> Client {
        self.gateway.client()
    }

    /// A client with a token of its own.
    pub(crate) fn user(&self) -> Client {
        self.user_in(SessionId::generate())
    }

    pub(crate) fn user_in(&self, session: SessionId) -> Client {
        self.stranger().with_token(&self.token(session))
    }

    pub(crate) fn token(&self, session: SessionId) -> String {
        self.auth
            .token(UserId::generate(), session, self.gateway.clock.now())
    }

    /// A connection that is written to byte by byte.
    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.gateway.http).await
    }

    /// The lines of a raw request to a route that needs no token.
    pub(crate) async fn ask(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut raw = self.raw().await;
        raw.write(bytes).await;
        raw.answer().await
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: ManualClock,
    standstill: Standstill,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Gateway {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(service: &Service, auth: &Auth, flags: &[(&str, &str)]) -> Self {
        let gateway = Self::launch(service, auth, flags).await;
        eventually(SOON, async || {
            gateway.client().get("/readyz").await.status == 200
        })
        .await;
        gateway
    }

    /// Starts one.
    pub(crate) async fn launch(service: &Service, auth: &Auth, flags: &[(&str, &str)]) -> Self {
        let mut settings = HashMap::from([
            ("--auth-url", service.url()),
            ("--posts-url", service.url()),
            ("--realtime-url", service.url()),
            ("--auth-grpc-url", auth.url()),
        ]);
        for (flag, value) in DEFAULTS.iter().chain(flags) {
            settings.insert(flag, (*value).to_owned());
        }
        let (clock, standstill) = (ManualClock::default(), Standstill::default());
        let stopping_clock = StoppingClock {
            clock: clock.clone(),
            standstill: standstill.clone(),
        };
        let shutdown = Shutdown::new();
        let app = App::build(
            parse(settings),
            shutdown.clone(),
            Arc::new(stopping_clock),
            instruments().render(),
        )
        .await
        .expect("a gateway");
        Self {
            http: app.http_addr(),
            admin: app.admin_addr(),
            shutdown,
            clock,
            standstill,
            running: tokio::spawn(app.run()),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(format!("http://{}", self.http))
    }

    /// Drains it, as SIGTERM does, and waits for its end.
    pub(crate) async fn drain(self) -> anyhow::Result<()> {
        self.shutdown.begin_drain();
        self.ended().await
    }

    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        tokio::time::timeout(Duration::from_secs(30), self.running)
            .await
            .expect("the gateway did not end")
            .expect("the gateway panicked")
    }

    pub(crate) async fn metrics(&self) -> String {
        Client::new(format!("http://{}", self.admin))
            .get("/metrics")
            .await
            .text()
    }
}

fn parse(settings: HashMap<&str, String>) -> Settings {
    let words = settings
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value]);
    let words = ["gateway", "serve"]
        .map(str::to_owned)
        .into_iter()
        .chain(words);
    match Command::try_parse_from(words) {
        Ok(Command::Serve(settings)) => *settings,
        other => panic!("these are not settings: {other:?}"),
    }
}

/// A Redis database of the test's own.
pub(crate) struct Redis {
    pub(crate) url: String,
    connection: redis::aio::MultiplexedConnection,
}

impl Redis {
    pub(crate) async fn open() -> Self {
        let server = std::env::var("REDIS_URL").expect("REDIS_URL is set, as `make test` does");
        let mut base: url::Url = server.parse().expect("REDIS_URL is an address");
        let mut counters = connect(base.as_str()).await;
        let (_, databases): (String, u64) =
            command(&mut counters, &["CONFIG", "GET", "databases"]).await;
        // The counter that every test of the workspace takes its database from.
        let next: u64 = command(&mut counters, &["INCR", "testkit:database"]).await;
        base.set_path(&(1 + next % (databases - 1)).to_string());
        let mut connection = connect(base.as_str()).await;
        let () = command(&mut connection, &["FLUSHDB"]).await;
        Self {
            url: base.into(),
            connection,
        }
    }

    /// `host:port`, for a proxy in front of it.
    pub(crate) fn host(&self) -> String {
        let url: url::Url = self.url.parse().unwrap();
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
    }

    /// The address of the same database through a proxy.
    pub(crate) fn url_through(&self, proxy: SocketAddr) -> String {
        let mut url: url::Url = self.url.parse().unwrap();
        url.set_ip_host(proxy.ip()).unwrap();
        url.set_port(Some(proxy.port())).unwrap();
        url.into()
    }

    pub(crate) async fn run<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        command(&mut self.connection.clone(), words).await
    }

    /// What auth does once it has loaded all revocations, and goes on doing.
    pub(crate) async fn set_loaded(&self) {
        for key in [
            cache::keys::REVOCATIONS_LOADED,
            cache::keys::REVOCATIONS_CURRENT,
        ] {
            let () = self.run(&["SET", key, "1"]).await;
        }
    }

    /// What happens when auth has not been able to complete the list for a while.
    pub(crate) async fn set_stale(&self) {
        let () = self.run(&["DEL", cache::keys::REVOCATIONS_CURRENT]).await;
    }

    pub(crate) async fn revoke(&self, session: SessionId) {
        let () = self
            .run(&["SET", &cache::keys::revoked_session(session), "1"])
            .await;
    }
}

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address of Redis");
    client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis answers")
}

async fn command<T: redis::FromRedisValue>(
    connection: &mut redis::aio::MultiplexedConnection,
    words: &[&str],
) -> T {
    let mut command = redis::Cmd::new();
    command.arg(words);
    command
        .query_async(connection)
        .await
        .expect("an answer of Redis")
}

/// What the process logs and measures. There is one of each in a process, so
/// tests that share one look for their own request ids and addresses.
pub(crate) struct Instruments {
    log: Log,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

pub(crate) fn instruments() -> &'static Instruments {
    static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
    INSTRUMENTS.get_or_init(|| {
        let log = Log::default();
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(log.clone())
            .init();
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
            .install_recorder()
            .unwrap();
        Instruments { log, metrics }
    })
}

impl Instruments {
    fn render(&self) -> RenderMetrics {
        let metrics = self.metrics.clone();
        Arc::new(move || metrics.render())
    }

    /// The lines logged so far that contain `text`.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<serde_json::Value> {
        let log = self.log.0.lock().unwrap();
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| line.contains(text))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A request id that no other test has.
pub(crate) fn request_id() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!(
        "test-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
