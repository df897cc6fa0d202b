//! The composition root: the only place that names concrete adapters.

use std::net::SocketAddr;

use anyhow::Context;
use bus::Publisher;
use cache::{Cache, Shares};
use contracts::topology::LIKES;
use runtime::{
    Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};

use crate::{QueueName, Settings, likes::Likes, partitions::Partitions};

/// The service with its port taken, not yet serving.
pub struct App {
    settings: Settings,
    shutdown: Shutdown,
    readiness: Readiness,
    admin: AdminServer,
    admin_addr: SocketAddr,
    cache: Cache,
    publisher: Publisher,
    likes: Likes,
}

impl App {
    /// Takes the port and puts the parts together. What the service depends on
    /// need not be up.
    pub async fn build(
        settings: Settings,
        shutdown: Shutdown,
        metrics: RenderMetrics,
    ) -> anyhow::Result<Self> {
        let readiness = Readiness::new(&shutdown);
        let cache = Cache::connect(&settings.redis)?;
        let publisher = Publisher::new(&settings.amqp, "worker");
        let likes = Likes::connect(&settings)?;
        let admin_addr = settings.lifecycle.admin_addr;
        let admin = AdminServer::bind(admin_addr, readiness.clone(), metrics)
            .await
            .with_context(|| format!("cannot listen on {admin_addr}"))?;
        Ok(Self {
            admin_addr: admin.local_addr()?,
            settings,
            shutdown,
            readiness,
            admin,
            cache,
            publisher,
            likes,
        })
    }

    /// Where the admin port is bound.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Serves until the drain is over.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self {
            settings,
            shutdown,
            readiness,
            cache,
            ..
        } = self;
        self.admin.spawn(&shutdown);
        shutdown.spawn_until_drain(self.publisher.watch(readiness.clone()));
        shutdown.spawn_until_drain(cache.clone().watch(readiness.clone()));

        let mut queues = settings.queues.clone();
        queues.dedup();
        for queue in queues {
            match queue {
                QueueName::Likes => {
                    let partitions = Partitions::new(
                        LIKES,
                        Shares::new(cache.clone(), LIKES.name, &LIKES.partitions),
                        &settings.amqp,
                        settings.batch_limits(),
                        self.likes.clone(),
                    );
                    shutdown.spawn(partitions.run(shutdown.clone()));
                }
            }
        }
        readiness.set_started();
        tracing::info!(admin = %self.admin_addr, "serving");
        shutdown.run_to_end(&settings.lifecycle).await
    }
}
