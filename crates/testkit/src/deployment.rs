use std::{ffi::OsString, net::SocketAddr, time::Duration};

use runtime::settings;
use secrecy::{ExposeSecret, SecretString};
use tokens::Signer;

use crate::{Client, Process, Sandbox, reserve_port};

/// What the services of one deployment share: databases, secrets, and
/// settings that suit tests.
pub struct Deployment {
    sandbox: Sandbox,
    amqp_url: String,
    credential: SecretString,
    signing_key: SecretString,
    settings: Vec<(String, String)>,
}

/// A service that runs as a process of its own.
pub struct Service {
    /// The process.
    pub process: Process,
    /// The public (gateway) or internal (auth) HTTP port.
    pub http: SocketAddr,
    /// The gRPC port; the gateway has none and leaves it closed.
    pub grpc: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
}

impl Service {
    /// A stranger who talks to the HTTP port.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(format!("http://{}", self.http))
    }

    /// Somebody who talks to the admin port.
    #[must_use]
    pub fn operator(&self) -> Client {
        Client::new(format!("http://{}", self.admin))
    }
}

impl Deployment {
    /// A deployment in `sandbox`, not migrated yet.
    #[must_use]
    pub fn new(sandbox: Sandbox) -> Self {
        let amqp_url = std::env::var("AMQP_URL")
            .expect("AMQP_URL is not set: run the tests with `make test`, or name servers to use");
        let settings = [("drain-delay", "0s"), ("drain-grace", "5s")];
        Self {
            sandbox,
            amqp_url,
            credential: format!("test-credential-{}", uuid::Uuid::now_v7().simple()).into(),
            signing_key: tokens::generate_key_pem().expect("a signing key"),
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

    /// Signs tokens as auth does: for forging.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer::from_pem(&self.signing_key).expect("our own key")
    }

    /// Migrates the databases; again changes nothing.
    pub async fn migrate(&self) -> auth::MigrationReport {
        let settings = self.parse::<auth::MigrateSettings>(&[]);
        auth::migrate(&settings).await.expect("a migration")
    }

    /// Starts the real `auth` and waits until it is ready.
    pub async fn start_auth(&self) -> Service {
        self.start_service("auth", &[]).await
    }

    /// Starts the real `gateway` in front of `auths` and waits until it is ready.
    pub async fn start_gateway(&self, auths: &[&Service]) -> Service {
        let http: Vec<_> = auths.iter().map(|auth| auth.http).collect();
        let upstreams = upstreams(&http, auths[0].grpc);
        self.start_service("gateway", &upstreams).await
    }

    async fn start_service(&self, name: &str, more: &[(String, String)]) -> Service {
        let (mut addresses, mut flags) = (Vec::new(), more.to_vec());
        for flag in ["http-addr", "grpc-addr", "admin-addr"] {
            let address = SocketAddr::from(([127, 0, 0, 1], reserve_port().await));
            flags.push((flag.to_owned(), address.to_string()));
            addresses.push(address);
        }
        let mut service = Service {
            process: Process::service(name, &["serve"], self.environment(&flags)),
            http: addresses[0],
            grpc: addresses[1],
            admin: addresses[2],
        };
        service.process.wait_ready(service.admin).await;
        service
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

/// The settings of a gateway in front of auth at these addresses.
pub(crate) fn upstreams(http: &[SocketAddr], grpc: SocketAddr) -> [(String, String); 2] {
    let http: Vec<_> = http
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    [
        ("auth-url".to_owned(), http.join(",")),
        ("auth-grpc-url".to_owned(), format!("http://{grpc}")),
    ]
}

#[derive(clap::Parser)]
struct Flags<S: clap::Args> {
    #[command(flatten)]
    settings: S,
}

/// Long enough for a service to end in order.
pub(crate) const ENDING: Duration = Duration::from_secs(20);
