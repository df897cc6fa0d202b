use std::net::SocketAddr;

use crate::{Client, Process, deployment::ENDING};

/// A service that runs as a process of its own.
pub struct Service {
    /// What it is: `auth`, `posts`, `worker`, `realtime`, `gateway`.
    pub name: &'static str,
    /// The process.
    pub process: Process,
    /// The HTTP port, public (gateway) or internal; the worker has none and
    /// leaves it closed.
    pub http: SocketAddr,
    /// The gRPC port; the gateway and the worker have none and leave it closed.
    pub grpc: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
    environment: Vec<(String, String)>,
}

impl Service {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(
        name: &'static str,
        http: SocketAddr,
        grpc: SocketAddr,
        admin: SocketAddr,
        environment: Vec<(String, String)>,
    ) -> Self {
        let mut service = Self {
            name,
            process: spawn(name, &environment),
            http,
            grpc,
            admin,
            environment,
        };
        service.process.wait_ready(admin).await;
        service
    }

    /// Starts it once more where it was and as it was, when it has ended, and
    /// waits until it is ready.
    pub async fn restart(&mut self) {
        self.process.wait_exit(ENDING).await;
        self.process = spawn(self.name, &self.environment);
        self.process.wait_ready(self.admin).await;
    }

    /// What it was started with: for another command of the same program.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

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

fn spawn(name: &str, environment: &[(String, String)]) -> Process {
    Process::service(name, &["serve"], environment.iter().cloned())
}
