use mongodb::Database;
use secrecy::ExposeSecret;
use testkit::{Client, Deployment, Sandbox, Service, User};

use crate::operator::anufy;

const SETTINGS: [(&str, &str); 3] = [
    // A line a request would be most of what this run does.
    ("log", "warn"),
    // All of them share the cores of one machine: being slow is not being down.
    ("auth-timeout", "10s"),
    ("redis-timeout", "5s"),
];
/// Everybody has something to say about the same few posts.
const CAPTIONS: [&str; 3] = ["what do you think?", "and of this?", "and now?"];

/// Two posts and two workers, each a process, that are going to be killed, and
/// auth and a gateway, that are not.
pub(super) struct Rig {
    /// posts, a worker, posts, a worker.
    pub(super) victims: [Service; 4],
    auth: Service,
    gateway: Service,
    deployment: Deployment,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let mut deployment = Deployment::new(Sandbox::create().await).await;
        for (name, value) in SETTINGS {
            deployment.set(name, value);
        }
        deployment.migrate().await;
        let auth = deployment.start_auth().await;
        let posts = async || deployment.start_posts(&auth).await;
        let (one, two) = tokio::join!(posts(), posts());
        let worker = async |posts| deployment.start_worker(&[posts]).await;
        let workers = tokio::join!(worker(&one), worker(&two));
        let gateway = deployment.start_gateway(&[&auth, &one, &two]).await;
        Self {
            victims: [one, workers.0, two, workers.1],
            auth,
            gateway,
            deployment,
        }
    }

    pub(super) fn door(&self) -> Client {
        self.gateway.client()
    }

    pub(super) fn mongodb(&self) -> &Database {
        self.deployment.sandbox().mongodb()
    }

    /// `size` people, and the ids of the posts that they talk about.
    pub(super) async fn people_and_posts(&self, size: usize) -> (Vec<User>, Vec<String>) {
        let (door, mut posts) = (self.door(), Vec::new());
        let [author, fan] = ["star", "fan"].map(|name| User::register(&door, name));
        let (author, fan) = tokio::join!(author, fan);
        for caption in CAPTIONS {
            let post = author.publish(caption).await;
            posts.push(post["_id"].as_str().unwrap().to_owned());
        }
        (self.deployment.crowd(&fan, size).await, posts)
    }

    /// What the operator's command says of the counters.
    pub(super) async fn verify_counters(&self) -> (Option<i32>, String) {
        let url = |service: &Service| format!("http://{}", service.grpc);
        let credential = self.deployment.credential().expose_secret().to_owned();
        let owners = vec![
            ("AUTH_GRPC_URL", url(&self.auth)),
            ("POSTS_GRPC_URL", url(&self.victims[0])),
            ("SERVICE_CREDENTIAL", credential),
        ];
        anufy(&["verify", "counters"], owners).await
    }
}
