mod moderated;
mod running;

use std::{net::SocketAddr, sync::Arc};

use runtime::{Clock, ManualClock, Shutdown};
use secrecy::{ExposeSecret, SecretString};
use tokens::Signer;
use tokio::sync::OnceCell;

use self::running::{Addresses, Running, log_if_asked, no_metrics, wait_ready};
use crate::{
    Administrator, Client, MailFolder, Sandbox, Service, User,
    deployment::{Deployment, auth_grpc_url, posts_grpc_url, upstreams},
};

/// auth, posts, a worker and the gateway in the process of the test, on ports of their
/// own, with databases of their own and a clock that the test moves.
///
/// They talk real HTTP, gRPC and AMQP. With `LOG` in the environment they log.
pub struct Stack {
    auth: Option<Running>,
    posts: Option<Running>,
    worker: Option<Running>,
    gateway: Option<Running>,
    auth_addresses: Addresses,
    posts_addresses: Addresses,
    gateway_address: Option<SocketAddr>,
    clock: ManualClock,
    administrator: OnceCell<Administrator>,
    // Dropped last: the services write to it until they are gone.
    deployment: Deployment,
}

/// How a stack differs from the usual one.
#[must_use]
pub struct StackBuilder {
    has_outages: bool,
    sandbox: Option<Sandbox>,
    absent: Vec<&'static str>,
    settings: Vec<(String, String)>,
}

impl StackBuilder {
    /// Its servers are those of `sandbox`.
    pub fn in_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = Some(sandbox);
        self
    }

    /// The servers can fail: see [`Sandbox::mongodb_proxy`],
    /// [`Sandbox::redis_proxy`] and [`Sandbox::amqp_proxy`].
    pub fn with_outages(mut self) -> Self {
        self.has_outages = true;
        self
    }

    /// Only the services behind the gateway.
    pub fn without_gateway(self) -> Self {
        self.without("gateway")
    }

    /// posts is down, and its collections are not there. Neither is a worker,
    /// who would have nobody to work for.
    pub fn without_posts(self) -> Self {
        self.without("posts").without_worker()
    }

    /// Jobs stay in their queues until [`Stack::start_worker`].
    pub fn without_worker(self) -> Self {
        self.without("worker")
    }

    fn without(mut self, service: &'static str) -> Self {
        self.absent.push(service);
        self
    }

    /// The limits of production instead of those for local runs.
    pub fn with_production_limits(self) -> Self {
        self.setting("rate-limit-policy", "production")
    }

    /// Services wait for each other for as long as a small machine takes under
    /// many requests at once.
    pub fn patient(mut self) -> Self {
        for name in [
            "auth-timeout",
            "mongodb-timeout",
            "password-wait",
            "posts-timeout",
        ] {
            self = self.setting(name, "18s");
        }
        self.setting("redis-timeout", "5s")
    }

    /// A setting by the name of its flag without the dashes: `token-lifetime`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts everything; it answers when this returns.
    pub async fn start(self) -> Stack {
        // Large: it holds the beginnings of every service.
        Box::pin(self.start_all()).await
    }

    async fn start_all(self) -> Stack {
        log_if_asked();
        let has = |service| !self.absent.contains(&service);
        let sandbox = match self.sandbox {
            Some(sandbox) => sandbox,
            None if self.has_outages => Sandbox::with_outages().await,
            None => Sandbox::create().await,
        };
        let mut deployment = Deployment::new(sandbox).await;
        for (name, value) in self.settings {
            deployment.set(&name, value);
        }
        // Boxed, as it is a part of every test.
        Box::pin(deployment.migrate_auth()).await;
        let mut stack = Stack {
            auth: None,
            posts: None,
            worker: None,
            gateway: None,
            auth_addresses: Addresses::reserve().await,
            posts_addresses: Addresses::reserve().await,
            gateway_address: None,
            clock: ManualClock::default(),
            administrator: OnceCell::new(),
            deployment,
        };
        stack.start_auth().await;
        if has("posts") {
            Box::pin(stack.deployment.migrate_posts()).await;
            stack.start_posts().await;
        }
        if has("worker") {
            stack.start_worker().await;
        }
        if has("gateway") {
            stack.start_gateway().await;
        }
        stack
    }
}

impl Stack {
    /// The usual stack.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A stack that differs from the usual one.
    pub fn builder() -> StackBuilder {
        StackBuilder {
            has_outages: false,
            sandbox: None,
            absent: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// Starts auth where it was before [`Stack::stop_auth`].
    pub async fn start_auth(&mut self) {
        assert!(self.auth.is_none(), "auth runs already");
        let Addresses { http, grpc } = self.auth_addresses;
        let mut flags = self.auth_addresses.settings();
        flags.push(posts_grpc_url(self.posts_addresses.grpc));
        let settings = self.deployment.parse(&flags);
        let shutdown = Shutdown::new();
        let app = auth::App::build(
            settings,
            shutdown.clone(),
            self.shared_clock(),
            no_metrics(),
        );
        let app = app.await.expect("auth starts");
        assert_eq!((app.http_addr(), app.grpc_addr()), (http, grpc));
        let task = tokio::spawn(app.run());
        self.auth = Some(Running { shutdown, task });
    }

    /// Ends auth in order; its ports refuse connections afterwards.
    pub async fn stop_auth(&mut self) {
        let auth = self.auth.take().expect("auth runs");
        auth.stop().await;
    }

    /// Starts posts where it was before [`Stack::stop_posts`].
    pub async fn start_posts(&mut self) {
        assert!(self.posts.is_none(), "posts runs already");
        let Addresses { http, grpc } = self.posts_addresses;
        let mut flags = self.posts_addresses.settings();
        flags.push(auth_grpc_url(self.auth_addresses.grpc));
        let settings = self.deployment.parse(&flags);
        let shutdown = Shutdown::new();
        let app = posts::App::build(
            settings,
            shutdown.clone(),
            self.shared_clock(),
            no_metrics(),
        );
        let app = app.await.expect("posts starts");
        assert_eq!((app.http_addr(), app.grpc_addr()), (http, grpc));
        let operator = Client::new(format!("http://{}", app.admin_addr()));
        let task = tokio::spawn(app.run());
        self.posts = Some(Running { shutdown, task });
        // It is ready once it knows the keys of tokens, which auth may not be there to tell.
        if self.auth.is_some() {
            wait_ready(&operator).await;
        }
    }

    /// Ends posts in order; its ports refuse connections afterwards.
    pub async fn stop_posts(&mut self) {
        let posts = self.posts.take().expect("posts runs");
        posts.stop().await;
    }

    /// Starts a worker, also where [`Stack::stop_worker`] has ended one.
    pub async fn start_worker(&mut self) {
        assert!(self.worker.is_none(), "a worker runs already");
        let flags = [
            posts_grpc_url(self.posts_addresses.grpc),
            ("admin-addr".to_owned(), "127.0.0.1:0".to_owned()),
        ];
        let settings = self.deployment.parse(&flags);
        let shutdown = Shutdown::new();
        let app = worker::App::build(settings, shutdown.clone(), no_metrics());
        let app = app.await.expect("the worker starts");
        let task = tokio::spawn(app.run());
        self.worker = Some(Running { shutdown, task });
    }

    /// Ends the worker in order: jobs stay in their queues afterwards.
    pub async fn stop_worker(&mut self) {
        let worker = self.worker.take().expect("a worker runs");
        worker.stop().await;
    }

    async fn start_gateway(&mut self) {
        let http = [
            ("auth", self.auth_addresses.http),
            ("posts", self.posts_addresses.http),
        ];
        let mut flags = upstreams(&http, self.auth_addresses.grpc);
        for flag in ["http-addr", "admin-addr"] {
            flags.push((flag.to_owned(), "127.0.0.1:0".to_owned()));
        }
        let settings = self.deployment.parse(&flags);
        let shutdown = Shutdown::new();
        let app = gateway::App::build(
            settings,
            shutdown.clone(),
            self.shared_clock(),
            no_metrics(),
        );
        let app = app.await.expect("the gateway starts");
        self.gateway_address = Some(app.http_addr());
        let operator = Client::new(format!("http://{}", app.admin_addr()));
        let task = tokio::spawn(app.run());
        self.gateway = Some(Running { shutdown, task });
        // It is ready once it knows the keys of tokens.
        wait_ready(&operator).await;
    }

    /// Starts a node of realtime as a process of its own, and waits until it
    /// is ready. The gateway of the stack does not know of it.
    pub async fn start_realtime(&self) -> Service {
        let auth = self.auth_addresses.grpc;
        self.deployment.start_realtime_beside(auth, &[]).await
    }

    /// The same, with a way to Redis that outages do not concern.
    pub async fn start_realtime_past_outages(&self) -> Service {
        let redis = self.sandbox().direct_redis_url().to_owned();
        let settings = [("redis-url".to_owned(), redis)];
        let auth = self.auth_addresses.grpc;
        self.deployment.start_realtime_beside(auth, &settings).await
    }

    /// Migrates everything, as at the start; again changes nothing.
    pub async fn migrate(&self) -> auth::MigrationReport {
        self.deployment.migrate().await
    }

    fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// Where clients are served.
    #[must_use]
    pub fn gateway_addr(&self) -> SocketAddr {
        self.gateway_address.expect("a stack with a gateway")
    }

    /// `http://host:port` of the gateway.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway_addr())
    }

    /// Where the gateway finds auth.
    #[must_use]
    pub fn auth_addr(&self) -> SocketAddr {
        self.auth_addresses.http
    }

    /// `http://host:port` of auth.
    #[must_use]
    pub fn auth_url(&self) -> String {
        format!("http://{}", self.auth_addr())
    }

    /// `http://host:port` of the internal API of auth.
    #[must_use]
    pub fn auth_grpc_url(&self) -> String {
        format!("http://{}", self.auth_addresses.grpc)
    }

    /// `http://host:port` of posts.
    #[must_use]
    pub fn posts_url(&self) -> String {
        format!("http://{}", self.posts_addresses.http)
    }

    /// `http://host:port` of the internal API of posts.
    #[must_use]
    pub fn posts_grpc_url(&self) -> String {
        format!("http://{}", self.posts_addresses.grpc)
    }

    /// The clock of all services.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The databases and the ways to them.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        self.deployment.sandbox()
    }

    /// The database of the services.
    #[must_use]
    pub fn mongodb(&self) -> &mongodb::Database {
        self.sandbox().mongodb()
    }

    /// The Redis database of the services.
    #[must_use]
    pub fn redis(&self) -> redis::aio::MultiplexedConnection {
        self.sandbox().redis()
    }

    /// What auth has mailed.
    #[must_use]
    pub fn mail(&self) -> &MailFolder {
        self.deployment.mail()
    }

    /// The secret between services.
    #[must_use]
    pub fn credential(&self) -> &SecretString {
        self.deployment.credential()
    }

    /// The key that tokens are signed with, as PEM.
    #[must_use]
    pub fn signing_key(&self) -> &SecretString {
        self.deployment.signing_key()
    }

    /// Signs tokens as auth does: for forging.
    #[must_use]
    pub fn signer(&self) -> Signer {
        self.deployment.signer()
    }

    /// A stranger at the gateway.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(self.gateway_url())
    }

    /// A service of the deployment, talking to auth past the gateway.
    #[must_use]
    pub fn insider(&self) -> Client {
        self.inside(self.auth_url())
    }

    /// A service of the deployment, talking to posts past the gateway.
    #[must_use]
    pub fn posts_insider(&self) -> Client {
        self.inside(self.posts_url())
    }

    fn inside(&self, url: String) -> Client {
        Client::new(url)
            .with_header(
                contracts::rpc::CREDENTIAL_HEADER,
                self.credential().expose_secret(),
            )
            .with_header("x-request-id", "inside")
    }

    /// A person who has just registered at the gateway. `name` becomes part of
    /// a username that nobody else has.
    pub async fn user(&self, name: &str) -> User {
        User::register(&self.anonymous(), name).await
    }

    /// `size` people like `model`; see [`Deployment::crowd`].
    pub async fn crowd(&self, model: &User, size: usize) -> Vec<User> {
        self.deployment.crowd(model, size).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let services = [&self.gateway, &self.worker, &self.posts, &self.auth];
        for running in services.into_iter().flatten() {
            running.shutdown.stop_now();
            running.task.abort();
        }
    }
}
