//! The services under measurement, on servers of their own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use cache::{Cache, RedisSettings};
use clap::Parser;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{MongoSettings, Store};
use tokens::Signer;

use crate::{
    http::{Request, ask},
    metrics::Metrics,
    nginx,
    people::{Author, PASSWORD},
    program::{self, Environment, Program},
    servers::Servers,
    usage::Usage,
};

/// Visible ASCII, long enough; nobody else can reach these services.
pub(crate) const CREDENTIAL: &str = "bench-credential-bench-credential";

/// Everything but the workers, which come and go.
pub(crate) struct Stack {
    /// Accounts.
    pub(crate) auth: Service,
    /// Posts and likes.
    pub(crate) posts: Service,
    /// The door.
    pub(crate) gateway: Service,
    /// What they are compared with.
    baselines: Vec<Service>,
    key_set: String,
    /// Signs tokens as auth does.
    pub(crate) signer: Signer,
    /// The services' database.
    pub(crate) store: Store,
    environment: Environment,
    /// Last, so that they end last.
    servers: Servers,
}

/// A service and where it listens.
pub(crate) struct Service {
    /// Its process.
    pub(crate) program: Program,
    /// Its HTTP port.
    pub(crate) http: SocketAddr,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let servers = Servers::start().await?;
        let key = tokens::generate_key_pem()?;
        let signer = Signer::from_pem(&key)?;
        let [auth_http, auth_grpc, posts_http, posts_grpc] = free_ports()?;
        let environment = common_settings(&servers, &key, auth_grpc, posts_grpc);
        let logs = servers.logs();
        for owner in ["auth", "posts"] {
            program::run(owner, "migrate", environment.clone(), &logs).await?;
        }
        let start = async |name, http, more: Environment| {
            let environment = [environment.clone(), more].concat();
            Service::start(name, name, "serve", http, environment, &servers).await
        };
        let grpc = |address: SocketAddr| vec![("GRPC_ADDR", address.to_string())];
        let auth = start("auth", auth_http, grpc(auth_grpc)).await?;
        let posts = start("posts", posts_http, grpc(posts_grpc)).await?;
        let [door] = free_ports()?;
        let behind = gateway_settings(auth_http, posts_http);
        Ok(Self {
            gateway: start("gateway", door, behind).await?,
            store: connect(&servers.mongodb, "anufy").await?,
            auth,
            posts,
            baselines: Vec::new(),
            key_set: signer.jwks_json(),
            signer,
            environment,
            servers,
        })
    }

    /// Starts what an authenticated `POST` costs at least, and a gateway before
    /// it; where the two are.
    pub(crate) async fn add_bare_post(&mut self) -> anyhow::Result<[SocketAddr; 2]> {
        let [http, door] = free_ports()?;
        let keys = vec![("TOKEN_KEYS", self.key_set.clone())];
        self.add("bare POST", ["bench", "bare-post"], http, keys)
            .await?;
        let behind = gateway_settings(self.auth.http, http);
        // One gateway or the other is at work, never both: in figures they are one.
        self.add("gateway", ["gateway", "serve"], door, behind)
            .await?;
        Ok([http, door])
    }

    /// Starts what answers every `GET` with what Redis has under `key`, and
    /// nginx before it; where the two are.
    pub(crate) async fn add_bare_get(&mut self, key: &str) -> anyhow::Result<[SocketAddr; 2]> {
        let [http, door] = free_ports()?;
        let key = vec![("BARE_KEY", key.to_owned())];
        self.add("bare GET", ["bench", "bare-get"], http, key)
            .await?;
        let program = nginx::start(door, http, &self.servers.folder).await?;
        self.baselines.push(Service {
            program,
            http: door,
        });
        Ok([http, door])
    }

    async fn add(
        &mut self,
        name: &'static str,
        [binary, subcommand]: [&str; 2],
        http: SocketAddr,
        more: Environment,
    ) -> anyhow::Result<()> {
        let environment = [self.environment.clone(), more].concat();
        let servers = &self.servers;
        let service = Service::start(name, binary, subcommand, http, environment, servers);
        self.baselines.push(service.await?);
        Ok(())
    }

    /// A connection to the services' Redis.
    pub(crate) fn redis(&self) -> anyhow::Result<Cache> {
        #[derive(Parser)]
        struct Flags {
            #[command(flatten)]
            redis: RedisSettings,
        }
        let words = ["bench", "--redis-url", &self.servers.redis];
        let settings = runtime::settings::parse::<Flags>(words.map(Into::into))?;
        Ok(Cache::connect(&settings.redis)?)
    }

    /// Starts a worker and waits until it is ready.
    pub(crate) async fn start_worker(&self) -> anyhow::Result<Program> {
        let [admin] = free_ports()?;
        let (environment, logs) = (self.environment.clone(), self.servers.logs());
        Program::start("worker", "worker", "serve", admin, environment, &logs).await
    }

    /// What every process has used so far, `workers` among them.
    pub(crate) fn usage(&self, workers: &[Program]) -> anyhow::Result<Usage> {
        let mut processes = self.processes(workers)?;
        processes.push(("client", std::process::id()));
        Usage::of(processes)
    }

    /// Every process that is measured, servers and `workers` among them.
    pub(crate) fn processes(
        &self,
        workers: &[Program],
    ) -> anyhow::Result<Vec<(&'static str, u32)>> {
        let services = [&self.gateway, &self.posts, &self.auth].into_iter();
        let services = services.chain(&self.baselines);
        let programs = services.map(|service| &service.program);
        let programs = programs.chain(workers);
        let mut all: Vec<_> = programs.map(|it| (it.name, it.pid())).collect();
        all.extend(self.servers.processes()?);
        Ok(all)
    }

    /// What posts tells about itself.
    pub(crate) async fn posts_metrics(&self) -> anyhow::Result<Metrics> {
        Metrics::scrape(self.posts.program.admin).await
    }

    /// A database that no service uses, on the same MongoDB.
    pub(crate) async fn other_database(&self) -> anyhow::Result<Store> {
        connect(&self.servers.mongodb, "bare").await
    }

    /// RabbitMQ's address.
    pub(crate) fn amqp_url(&self) -> SecretString {
        self.servers.amqp.clone().into()
    }

    /// Somebody who has registered.
    pub(crate) async fn register(&self, username: &str) -> anyhow::Result<Author> {
        let body = json!({
            "username": username, "email": format!("{username}@example.org"),
            "password": PASSWORD, "full_name": "Bench", "dob": "1990-05-17",
        });
        let headers = [(contracts::rpc::CREDENTIAL_HEADER, CREDENTIAL)];
        let path = "/api/auth/register";
        let request = Request::new("POST", path, &headers, &body.to_string());
        Author::from_answer(&ask(self.auth.http, &request).await?)
    }
}

impl Service {
    async fn start(
        name: &'static str,
        binary: &str,
        subcommand: &str,
        http: SocketAddr,
        mut environment: Environment,
        servers: &Servers,
    ) -> anyhow::Result<Self> {
        let [admin] = free_ports()?;
        environment.push(("HTTP_ADDR", http.to_string()));
        let logs = servers.logs();
        let program = Program::start(name, binary, subcommand, admin, environment, &logs);
        Ok(Self {
            program: program.await?,
            http,
        })
    }
}

/// What a gateway before `auth` and `posts` gets.
fn gateway_settings(auth: SocketAddr, posts: SocketAddr) -> Environment {
    vec![
        ("AUTH_URL", format!("http://{auth}")),
        ("POSTS_URL", format!("http://{posts}")),
        // Nobody opens a socket.
        ("REALTIME_URL", "http://127.0.0.1:1".to_owned()),
    ]
}

/// What all services get. A variable that a service does not know does no harm.
fn common_settings(
    servers: &Servers,
    key: &SecretString,
    auth_grpc: SocketAddr,
    posts_grpc: SocketAddr,
) -> Environment {
    vec![
        ("MONGODB_URI", servers.mongodb.clone()),
        ("REDIS_URL", servers.redis.clone()),
        ("AMQP_URL", servers.amqp.clone()),
        ("AUTH_GRPC_URL", format!("http://{auth_grpc}")),
        ("POSTS_GRPC_URL", format!("http://{posts_grpc}")),
        ("SERVICE_CREDENTIAL", CREDENTIAL.to_owned()),
        ("TOKEN_SIGNING_KEY", key.expose_secret().to_owned()),
        // Nobody listens there: what would be mailed waits.
        ("MAIL_URL", "smtp://127.0.0.1:1".to_owned()),
        ("MAIL_FROM", "Anufy <noreply@anufy.example>".to_owned()),
        ("APP_URL", "https://anufy.example".to_owned()),
        ("DRAIN_DELAY", "0s".to_owned()),
        // No line for each request, as in what they are compared with.
        ("LOG", "warn".to_owned()),
        // Everybody comes from an address of their own, so that the limits of one do not matter.
        ("RATE_LIMIT_POLICY", "local".to_owned()),
        ("TRUSTED_PROXIES", "127.0.0.1/32".to_owned()),
        // Those who like have just seen the post, however long a round takes.
        ("LIKE_CHECK_TTL", "10min".to_owned()),
    ]
}

async fn connect(uri: &str, database: &str) -> anyhow::Result<Store> {
    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        mongo: MongoSettings,
    }
    let words = [
        "bench",
        "--mongodb-uri",
        uri,
        "--mongodb-database",
        database,
    ];
    let settings = runtime::settings::parse::<Flags>(words.map(Into::into))?;
    Ok(Store::connect(&settings.mongo, "bench").await?)
}

/// Ports that nobody uses.
pub(crate) fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut taken = Vec::new();
    let mut ports = [anywhere; N];
    for port in &mut ports {
        let listener = TcpListener::bind(anywhere)?;
        *port = listener.local_addr()?;
        // Held until all are found, so that none is found twice.
        taken.push(listener);
    }
    Ok(ports)
}
