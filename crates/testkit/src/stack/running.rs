use std::{net::SocketAddr, sync::Arc};

use runtime::{Shutdown, admin::RenderMetrics};
use tokio::{task::JoinHandle, time::timeout};

use crate::{Client, deployment::ENDING, reserve_port};

/// Where a service is, also after it was stopped and started again.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
}

impl Addresses {
    pub(super) async fn reserve() -> Self {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            http: address(reserve_port().await),
            grpc: address(reserve_port().await),
        }
    }

    pub(super) fn settings(self) -> Vec<(String, String)> {
        vec![
            ("http-addr".to_owned(), self.http.to_string()),
            ("grpc-addr".to_owned(), self.grpc.to_string()),
            ("admin-addr".to_owned(), "127.0.0.1:0".to_owned()),
        ]
    }
}

/// A service at work.
pub(super) struct Running {
    pub(super) shutdown: Shutdown,
    pub(super) task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub(super) async fn stop(self) {
        self.shutdown.begin_drain();
        let ended = timeout(ENDING, self.task)
            .await
            .expect("the end of the drain");
        ended.expect("no panic").expect("an orderly end");
    }
}

pub(super) async fn wait_ready(operator: &Client) {
    crate::eventually(ENDING, async || operator.get("/readyz").await.status == 200).await;
}

pub(super) fn no_metrics() -> RenderMetrics {
    Arc::new(String::new)
}

/// Logs to the test's output when `LOG` asks for it.
pub(super) fn log_if_asked() {
    if let Ok(filter) = std::env::var("LOG") {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_test_writer();
        // Another test of this process may have been first.
        let _ = subscriber.try_init();
    }
}
