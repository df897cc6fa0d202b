//! The services under measurement, on servers of their own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clap::Parser;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{MongoSettings, Store};
use tokens::Signer;

use crate::{
    http::{Request, ask},
    metrics::Metrics,
    people::Author,
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
    /// What an authenticated `POST` costs at least.
    pub(crate) bare: Service,
    /// The door to that.
    pub(crate) bare_gateway: Service,
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
        let [auth_http, auth_grpc, posts_http, posts_grpc, bare_http] = free_ports()?;
        let environment = common_settings(&servers, &key, auth_grpc, posts_grpc);
        let logs = servers.logs();
        for owner in ["auth", "posts"] {
            program::run(owner, "migrate", environment.clone(), &logs).await?;
        }
        let start = async |name, binary, subcommand, http: SocketAddr, more: Environment| {
            let [admin] = free_ports()?;
            let mut environment = environment.clone();
            environment.push(("HTTP_ADDR", http.to_string()));
            environment.extend(more);
            let program =
                Program::start(name, binary, subcommand, admin, environment, &logs).await?;
            anyhow::Ok(Service { program, http })
        };
        let grpc = |address: SocketAddr| vec![("GRPC_ADDR", address.to_string())];
        let auth = start("auth", "auth", "serve", auth_http, grpc(auth_grpc)).await?;
        let posts = start("posts", "posts", "serve", posts_http, grpc(posts_grpc)).await?;
        let keys = vec![("TOKEN_KEYS", signer.jwks_json())];
        let bare = start("bare POST", "bench", "bare-post", bare_http, keys).await?;
        let [door, bare_door] = free_ports()?;
        let before = |posts: SocketAddr| {
            vec![
                ("AUTH_URL", format!("http://{auth_http}")),
                ("POSTS_URL", format!("http://{posts}")),
            ]
        };
        let gateway = start("gateway", "gateway", "serve", door, before(posts_http)).await?;
        // One gateway or the other is at work, never both: in figures they are one.
        let bare_gateway = start("gateway", "gateway", "serve", bare_door, before(bare_http));
        Ok(Self {
            bare_gateway: bare_gateway.await?,
            store: connect(&servers.mongodb, "anufy").await?,
            auth,
            posts,
            gateway,
            bare,
            signer,
            environment,
            servers,
        })
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
        let services = [
            &self.gateway,
            &self.bare_gateway,
            &self.bare,
            &self.posts,
            &self.auth,
        ];
        let programs = services.map(|service| &service.program);
        let programs = programs.into_iter().chain(workers);
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
            "password": "correct horse battery", "full_name": "Bench", "dob": "1990-05-17",
        });
        let headers = [(contracts::rpc::CREDENTIAL_HEADER, CREDENTIAL)];
        let path = "/api/auth/register";
        let request = Request::new("POST", path, &headers, &body.to_string());
        Author::from_answer(&ask(self.auth.http, &request).await?)
    }
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
        ("DRAIN_DELAY", "0s".to_owned()),
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
fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
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
