use std::{
    ffi::OsString,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use runtime::settings;
use secrecy::{ExposeSecret, SecretString};
use tokens::Signer;

use crate::{MailFolder, Sandbox, Service, reserve_port};

/// What the services of one deployment share: databases, secrets, and
/// settings that suit tests.
pub struct Deployment {
    sandbox: Sandbox,
    amqp_url: String,
    credential: SecretString,
    signing_key: SecretString,
    mail: MailFolder,
    /// Where the first posts answers: auth is told before it starts.
    posts_grpc: SocketAddr,
    has_posts: AtomicBool,
    settings: Vec<(String, String)>,
}

impl Deployment {
    /// A deployment in `sandbox`, not migrated yet.
    pub async fn new(sandbox: Sandbox) -> Self {
        let amqp_url = sandbox.amqp_url().await;
        let settings = [("drain-delay", "0s"), ("drain-grace", "5s")];
        Self {
            sandbox,
            amqp_url,
            credential: format!("test-credential-{}", uuid::Uuid::now_v7().simple()).into(),
            signing_key: tokens::generate_key_pem().expect("a signing key"),
            mail: MailFolder::create(),
            posts_grpc: reserve_address().await,
            has_posts: AtomicBool::new(false),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// Sets `name` (a flag without its dashes: `drain-delay`) for everything
    /// that is started from now on; a switch is `true` or `false`. Services
    /// ignore what they do not know.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.into()));
    }

    /// The databases.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The secret between services.
    #[must_use]
    pub fn credential(&self) -> &SecretString {
        &self.credential
    }

    /// The key that tokens are signed with, as PEM.
    #[must_use]
    pub fn signing_key(&self) -> &SecretString {
        &self.signing_key
    }

    /// What auth has mailed.
    #[must_use]
    pub fn mail(&self) -> &MailFolder {
        &self.mail
    }

    /// Signs tokens as auth does: for forging.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer::from_pem(&self.signing_key).expect("our own key")
    }

    /// Migrates everything; again changes nothing.
    pub async fn migrate(&self) -> auth::MigrationReport {
        let report = self.migrate_auth().await;
        self.migrate_posts().await;
        report
    }

    /// Migrates what auth owns; again changes nothing.
    pub async fn migrate_auth(&self) -> auth::MigrationReport {
        let settings = self.parse::<auth::MigrateSettings>(&[]);
        auth::migrate(&settings).await.expect("a migration")
    }

    /// Migrates what posts owns; again changes nothing.
    pub async fn migrate_posts(&self) -> posts::MigrationReport {
        let settings = self.parse::<posts::MigrateSettings>(&[]);
        posts::migrate(&settings).await.expect("a migration")
    }

    /// Starts the real `auth` and waits until it is ready.
    pub async fn start_auth(&self) -> Service {
        self.start_service("auth", &[]).await
    }

    /// Starts the real `posts`, which asks `auth`, and waits until it is ready.
    pub async fn start_posts(&self, auth: &Service) -> Service {
        let mut settings = vec![auth_grpc_url(auth.grpc)];
        if !self.has_posts.swap(true, Ordering::Relaxed) {
            settings.push(("grpc-addr".to_owned(), self.posts_grpc.to_string()));
        }
        self.start_service("posts", &settings).await
    }

    /// Starts the real `worker`, which hands likes to the first posts among
    /// `services`, and waits until it is ready.
    pub async fn start_worker(&self, services: &[&Service]) -> Service {
        let posts = services.iter().find(|service| service.name == "posts");
        let posts = [posts_grpc_url(posts.expect("posts").grpc)];
        self.start_service("worker", &posts).await
    }

    /// Starts a node of the real `realtime`, which asks `auth`, and waits until it is ready.
    pub async fn start_realtime(&self, auth: &Service) -> Service {
        self.start_realtime_beside(auth.grpc, &[]).await
    }

    /// The same, with auth answering gRPC at `auth`, and with settings of its own.
    pub(crate) async fn start_realtime_beside(
        &self,
        auth: SocketAddr,
        more: &[(String, String)],
    ) -> Service {
        let settings = [&[auth_grpc_url(auth)], more].concat();
        self.start_service("realtime", &settings).await
    }

    /// Starts the real `gateway` in front of `services`, auth among them, and
    /// waits until it is ready. Of the others there may be none.
    pub async fn start_gateway(&self, services: &[&Service]) -> Service {
        let grpc = services.iter().find(|service| service.name == "auth");
        let http = services.iter().map(|service| (service.name, service.http));
        let upstreams = upstreams(&http.collect::<Vec<_>>(), grpc.expect("auth").grpc);
        self.start_service("gateway", &upstreams).await
    }

    async fn start_service(&self, name: &'static str, more: &[(String, String)]) -> Service {
        let http = reserve_address().await;
        let admin = reserve_address().await;
        let wanted = more.iter().find(|(flag, _)| flag == "grpc-addr");
        let grpc = match wanted {
            Some((_, address)) => address.parse().expect("an address"),
            None => reserve_address().await,
        };
        let mut settings = more.to_vec();
        for (flag, port) in [
            ("http-addr", http),
            ("grpc-addr", grpc),
            ("admin-addr", admin),
        ] {
            settings.push((flag.to_owned(), port.to_string()));
        }
        Service::start(name, http, grpc, admin, self.environment(&settings)).await
    }

    /// Everything as environment variables, as a process takes it.
    #[must_use]
    pub fn environment(&self, more: &[(String, String)]) -> Vec<(String, String)> {
        let settings = self.all_settings(more);
        let variable = |name: String| match name.as_str() {
            "otlp-endpoint" => "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            _ => name.replace('-', "_").to_uppercase(),
        };
        let mut environment: Vec<_> = settings
            .into_iter()
            .map(|(name, value)| (variable(name), value))
            .collect();
        // Spans are looked for soon after they end.
        environment.push(("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "100".to_owned()));
        environment
    }

    /// Everything as the settings `S`, with those of `more` that differ.
    pub(crate) fn parse<S: clap::Args>(&self, more: &[(String, String)]) -> S {
        let command = S::augment_args(clap::Command::new("settings"));
        let word = |(name, value): (String, String)| {
            let mut arguments = command.get_arguments();
            let known = arguments.find(|it| it.get_long() == Some(&name))?;
            match (known.get_action(), value.as_str()) {
                (clap::ArgAction::SetTrue, "true") => Some(format!("--{name}")),
                (clap::ArgAction::SetTrue, _) => None,
                _ => Some(format!("--{name}={value}")),
            }
        };
        let words = self.all_settings(more).into_iter().filter_map(word);
        let words = words.map(OsString::from);
        settings::parse::<Flags<S>>(std::iter::once("test".into()).chain(words))
            .unwrap_or_else(|faults| panic!("{faults}"))
            .settings
    }

    fn all_settings(&self, more: &[(String, String)]) -> Vec<(String, String)> {
        let own = [
            ("mongodb-uri", self.sandbox.mongodb_uri()),
            (
                "mongodb-database",
                self.sandbox.mongodb_database().to_owned(),
            ),
            (
                "mongodb-command-log",
                self.sandbox.command_log().display().to_string(),
            ),
            ("redis-url", self.sandbox.redis_url()),
            ("amqp-url", self.amqp_url.clone()),
            (
                "service-credential",
                self.credential.expose_secret().to_owned(),
            ),
            (
                "token-signing-key",
                self.signing_key.expose_secret().to_owned(),
            ),
            ("rate-limit-policy", "local".to_owned()),
            ("mail-url", self.mail.url()),
            ("mail-from", "Anufy <noreply@anufy.example>".to_owned()),
            ("app-url", "https://anufy.example".to_owned()),
            ("posts-grpc-url", format!("http://{}", self.posts_grpc)),
        ];
        let mut all: Vec<(String, String)> = Vec::new();
        let own = own.map(|(name, value)| (name.to_owned(), value));
        for (name, value) in own
            .into_iter()
            .chain(self.settings.clone())
            .chain(more.to_vec())
        {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        all
    }
}

/// What the gateway forwards to.
const BEHIND_THE_GATEWAY: [&str; 3] = ["auth", "posts", "realtime"];
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// The settings of a gateway in front of services at these addresses, and of
/// auth at `grpc`. A service that is not there is down.
pub(crate) fn upstreams(http: &[(&str, SocketAddr)], grpc: SocketAddr) -> Vec<(String, String)> {
    let mut settings = vec![auth_grpc_url(grpc)];
    for name in BEHIND_THE_GATEWAY {
        let replicas = http.iter().filter(|(service, _)| *service == name);
        let mut urls: Vec<_> = replicas.map(|(_, at)| format!("http://{at}")).collect();
        if urls.is_empty() {
            urls.push(NOBODY.to_owned());
        }
        settings.push((format!("{name}-url"), urls.join(",")));
    }
    settings
}

/// The setting of whoever asks auth.
pub(crate) fn auth_grpc_url(grpc: SocketAddr) -> (String, String) {
    ("auth-grpc-url".to_owned(), format!("http://{grpc}"))
}

/// The setting of whoever asks posts.
pub(crate) fn posts_grpc_url(grpc: SocketAddr) -> (String, String) {
    ("posts-grpc-url".to_owned(), format!("http://{grpc}"))
}

async fn reserve_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], reserve_port().await))
}

#[derive(clap::Parser)]
struct Flags<S: clap::Args> {
    #[command(flatten)]
    settings: S,
}

/// Long enough for a service to end in order.
pub(crate) const ENDING: Duration = Duration::from_secs(20);
