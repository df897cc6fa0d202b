use std::{sync::Arc, time::Duration};

use clap::Parser;
use contracts::{
    jobs::v1::Job,
    posts::v1::{ApplyLikesRequest, ApplyLikesResponse, likes_service_client::LikesServiceClient},
    rpc::{Caller, CallerChannel},
};
use runtime::{Shutdown, SystemClock};
use secrecy::ExposeSecret;
use testkit::Deployment;
use tonic::Status;

use super::PARTITION;

/// Longer than posts waits for MongoDB.
const DEADLINE: Duration = Duration::from_secs(25);

/// posts without auth, and so without anybody who could ask it for anything from outside.
pub(crate) struct Replica {
    channel: CallerChannel,
    shutdown: Shutdown,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: posts::Settings,
}

impl Replica {
    /// One more, with settings that differ.
    pub(crate) async fn start(deployment: &Deployment, more: &[(&str, &str)]) -> Self {
        let sandbox = deployment.sandbox();
        let credential = deployment.credential();
        let nowhere = "127.0.0.1:0".to_owned();
        let mut flags = vec![
            ("http-addr", nowhere.clone()),
            ("grpc-addr", nowhere.clone()),
            ("admin-addr", nowhere),
            ("auth-grpc-url", "http://127.0.0.1:1".to_owned()),
            ("drain-delay", "0s".to_owned()),
            ("mongodb-uri", sandbox.mongodb_uri()),
            ("mongodb-database", sandbox.mongodb_database().to_owned()),
            (
                "mongodb-command-log",
                sandbox.command_log().display().to_string(),
            ),
            ("redis-url", sandbox.redis_url()),
            // What others are told stays where the test can see it.
            ("amqp-url", "amqp://127.0.0.1:1".to_owned()),
            ("service-credential", credential.expose_secret().to_owned()),
        ];
        for (name, value) in more {
            flags.retain(|(known, _)| known != name);
            flags.push((name, (*value).to_owned()));
        }
        let words = flags
            .iter()
            .map(|(name, value)| format!("--{name}={value}"));
        let words = std::iter::once("posts".to_owned()).chain(words);
        let settings = Flags::parse_from(words).settings;
        let shutdown = Shutdown::new();
        let (clock, metrics) = (Arc::new(SystemClock), Arc::new(String::new));
        let app = posts::App::build(settings, shutdown.clone(), clock, metrics);
        let app = app.await.unwrap();
        let url = format!("http://{}", app.grpc_addr());
        tokio::spawn(app.run());
        Self {
            channel: Caller::channel(&url, credential, DEADLINE).unwrap(),
            shutdown,
        }
    }

    /// The way to its internal API.
    pub(crate) fn channel(&self) -> CallerChannel {
        self.channel.clone()
    }

    pub(crate) async fn apply(&self, jobs: Vec<Job>) -> Result<ApplyLikesResponse, Status> {
        self.apply_from(PARTITION, jobs).await
    }

    pub(crate) async fn apply_from(
        &self,
        partition: &str,
        jobs: Vec<Job>,
    ) -> Result<ApplyLikesResponse, Status> {
        let request = ApplyLikesRequest {
            partition: partition.to_owned(),
            jobs,
        };
        let mut likes = LikesServiceClient::new(self.channel());
        Ok(likes.apply_likes(request).await?.into_inner())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.shutdown.stop_now();
    }
}
