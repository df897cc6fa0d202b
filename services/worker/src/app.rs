//! The composition root: the only place that names concrete adapters.

use std::net::SocketAddr;

use anyhow::Context;
use bus::{Consumer, Publisher};
use cache::{Cache, Shares};
use contracts::topology::{FEED_UPDATES, LIKES};
use runtime::{
    Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};

use crate::{
    QueueName, Settings, feeds::Feeds, likes::Likes, partitions::Partitions, posts::Posts,
};

/// The service with its port taken, not yet serving.
pub struct App {
    settings: Settings,
    shutdown: Shutdown,
    readiness: Readiness,
    admin: AdminServer,
    admin_addr: SocketAddr,
    cache: Cache,
    publisher: Publisher,
    posts: Posts,
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
        let posts = Posts::connect(&settings)?;
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
            posts,
        })
    }

    /// Where the admin port is bound.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Serves until the drain is over.
    pub async fn run(self) -> anyhow::Result<()> {
        self.read_queues();
        let Self {
            settings,
            shutdown,
            readiness,
            publisher,
            cache,
            ..
        } = self;
        self.admin.spawn(&shutdown);
        shutdown.spawn_until_drain(publisher.watch(readiness.clone()));
        shutdown.spawn_until_drain(cache.watch(readiness.clone()));
        readiness.set_started();
        tracing::info!(admin = %self.admin_addr, "serving");
        shutdown.run_to_end(&settings.lifecycle).await
    }

    fn read_queues(&self) {
        let mut queues = self.settings.queues.clone();
        queues.sort_unstable();
        queues.dedup();
        for queue in queues {
            match queue {
                QueueName::Likes => self.read_likes(),
                QueueName::FeedUpdates => self.read_feed_updates(),
            }
        }
    }

    fn read_likes(&self) {
        let likes = Likes {
            posts: self.posts.clone(),
        };
        let partitions = Partitions::new(
            LIKES,
            Shares::new(self.cache.clone(), LIKES.name, &LIKES.partitions),
            &self.settings.amqp,
            self.settings.batch_limits(),
            likes,
        );
        self.shutdown.spawn(partitions.run(self.shutdown.clone()));
    }

    fn read_feed_updates(&self) {
        let feeds = Feeds {
            posts: self.posts.clone(),
            cache: self.cache.clone(),
            publisher: self.publisher.clone(),
        };
        // None waits here that another worker could do.
        let at_once = self.settings.feed_updates_at_once;
        let consumer = Consumer::new(&self.settings.amqp, FEED_UPDATES, at_once);
        let consumer = consumer.at_once(at_once.into());
        self.shutdown
            .spawn(consumer.run(self.shutdown.clone(), feeds));
    }
}
