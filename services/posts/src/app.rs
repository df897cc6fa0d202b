//! The composition root: the only place that names concrete adapters.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use bus::{Consumer, JobPublisher, Publisher, Relay};
use cache::Cache;
use contracts::{
    posts::v1::{
        accounts_service_server::AccountsServiceServer,
        counters_service_server::CountersServiceServer, feeds_service_server::FeedsServiceServer,
        likes_service_server::LikesServiceServer, posts_service_server::PostsServiceServer,
    },
    rpc::RpcServer,
    topology::{LIKES, POSTS_EVENTS},
};
use runtime::{
    Clock, Readiness, Shutdown,
    admin::{AdminServer, RenderMetrics},
};
use store::{IdempotencyRecords, Lease, Outbox, Store};
use tokens::{Verifier, first_keys, follow_keys};
use tokio::runtime::Handle;
use web::{Authenticator, HttpServer, actix_web::web::Data};

use crate::{
    Settings,
    apply_likes::ApplyLikes,
    erasure::{self, Erasing},
    events::EventHandler,
    explore::Explore,
    export::Export,
    feed_updates::FeedUpdates,
    feeds::Feeds,
    grpc::{AccountsApi, CountersApi, FeedsApi, LikesApi, PostsApi},
    http,
    intents::Intents,
    likes::{Likes, Standings},
    mongo::{
        CommentStore, Erasures, Exports, FanoutModes, IDEMPOTENCY, LEASES, LikeReads, LikeWrites,
        OUTBOX, PostCounts, PostStore, Remains, SavedPosts, Turns,
    },
    people::People,
    post_cache::PostCache,
    posts::Posts,
    trending::Trending,
};

/// Tokens that the service remembers as verified.
const REMEMBERED_TOKENS: usize = 10_000;

/// Events that are handled at a time, and that wait for their turn here.
const EVENTS_AT_ONCE: usize = 4;
const EVENTS_AHEAD: u16 = 16;

/// The service with its ports taken, not yet serving.
pub struct App {
    settings: Settings,
    shutdown: Shutdown,
    readiness: Readiness,
    http: HttpServer,
    grpc: RpcServer,
    admin: AdminServer,
    addresses: Addresses,
    posts: Posts,
    counts: PostCounts,
    verifier: Arc<Verifier>,
    authenticator: Data<Authenticator>,
    publisher: Publisher,
    outbox: Outbox,
    store: Store,
    cache: Cache,
    intents: Intents,
}

struct Addresses {
    http: SocketAddr,
    grpc: SocketAddr,
    admin: SocketAddr,
}

impl App {
    /// Takes the ports and puts the parts together. What the service depends
    /// on need not be up.
    pub async fn build(
        settings: Settings,
        shutdown: Shutdown,
        clock: Arc<dyn Clock>,
        metrics: RenderMetrics,
    ) -> anyhow::Result<Self> {
        let readiness = Readiness::new(&shutdown);
        let store = Store::connect(&settings.mongo, "posts").await?;
        let cache = Cache::connect(&settings.redis)?;
        let intents = Intents::new(cache.clone(), Arc::clone(&clock), shutdown.clone());
        let publisher = Publisher::new(&settings.amqp, "posts");
        let outbox = Outbox::new(&store, OUTBOX);
        let counts = PostCounts::new(&store, outbox.clone());
        let likes = Likes {
            stored: LikeReads::new(&store),
            intents: intents.clone(),
            jobs: JobPublisher::new(&publisher, LIKES, &shutdown),
            clock: Arc::clone(&clock),
            shutdown: shutdown.clone(),
            runtime: Handle::current(),
        };
        let answers = IdempotencyRecords::new(&store, IDEMPOTENCY);
        let turns = Turns::new();
        let stored = PostStore::new(
            &store,
            counts.clone(),
            answers.clone(),
            outbox.clone(),
            turns.clone(),
        );
        let comments = CommentStore::new(&store, answers.clone(), outbox.clone(), turns.clone());
        let people = People::connect(&settings, &cache)?;
        let modes = FanoutModes::new(&store, outbox.clone());
        let posts = Posts {
            cached: PostCache::new(&stored, &cache),
            feeds: Feeds::new(&cache, modes, &stored, &people, settings.timeline_length),
            store: stored,
            comments,
            answers,
            people,
            likes,
            saves: SavedPosts::new(&store, turns),
            explore: Explore::new(&cache, Arc::clone(&clock)),
            trending: Trending::new(&cache, Arc::clone(&clock)),
            standings: Standings::new(settings.like_check_ttl, Arc::clone(&clock)),
            clock: Arc::clone(&clock),
        };
        let verifier = Arc::new(Verifier::new(REMEMBERED_TOKENS));

        let http = HttpServer::bind(settings.http_addr)
            .with_context(|| format!("cannot listen on {}", settings.http_addr))?;
        let credential = settings.credential.service_credential.clone();
        let grpc = RpcServer::bind(settings.grpc_addr, credential)
            .await
            .with_context(|| format!("cannot listen on {}", settings.grpc_addr))?;
        let admin_addr = settings.lifecycle.admin_addr;
        let admin = AdminServer::bind(admin_addr, readiness.clone(), metrics)
            .await
            .with_context(|| format!("cannot listen on {admin_addr}"))?;
        let addresses = Addresses {
            http: http.local_addr()?,
            grpc: grpc.local_addr()?,
            admin: admin.local_addr()?,
        };
        Ok(Self {
            settings,
            shutdown,
            readiness,
            http,
            grpc,
            admin,
            addresses,
            posts,
            counts,
            authenticator: Data::new(Authenticator::new(Arc::clone(&verifier), clock)),
            verifier,
            publisher,
            outbox,
            store,
            cache,
            intents,
        })
    }

    /// Where the HTTP API is bound.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.addresses.http
    }

    /// Where the gRPC API is bound.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.addresses.grpc
    }

    /// Where the admin port is bound.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// Serves until the drain is over.
    pub async fn run(self) -> anyhow::Result<()> {
        let erasures = Erasures::new(&self.store);
        let erasing = self.erasing(&erasures);
        let Self {
            settings,
            shutdown,
            readiness,
            posts,
            counts,
            verifier,
            publisher,
            outbox,
            store,
            cache,
            intents,
            ..
        } = self;
        let lifecycle = &settings.lifecycle;
        self.admin.spawn(&shutdown);

        let apply_likes = ApplyLikes::new(
            LikeWrites::new(&store, outbox.clone()),
            posts.cached.clone(),
            intents.clone(),
            posts.explore.clone(),
            Arc::clone(&posts.clock),
            shutdown.clone(),
        );
        let updates = FeedUpdates {
            feeds: posts.feeds.clone(),
            store: posts.store.clone(),
            people: posts.people.clone(),
            clock: Arc::clone(&posts.clock),
            fanout_limit: settings.fanout_limit,
        };
        let events = EventHandler {
            updates: updates.clone(),
            posts: posts.clone(),
            erasures: erasures.clone(),
            publisher: publisher.clone(),
        };
        shutdown.spawn(erasing.run(shutdown.clone()));
        shutdown.spawn_until_drain(erasure::watch(erasures));
        let consumer = Consumer::new(&settings.amqp, POSTS_EVENTS, EVENTS_AHEAD);
        let consumer = consumer.at_once(EVENTS_AT_ONCE);
        shutdown.spawn(consumer.run(shutdown.clone(), events));
        let relay = Relay {
            outbox,
            lease: Lease::new(&store, LEASES, "relay"),
            publisher: publisher.clone(),
        };
        shutdown.spawn(relay.run(shutdown.clone()));
        shutdown.spawn_until_drain(publisher.watch(readiness.clone()));
        shutdown.spawn_until_drain(store.clone().watch(readiness.clone()));
        shutdown.spawn_until_drain(cache.watch(readiness.clone()));
        shutdown.spawn_until_drain(posts.likes.clone().watch());
        learn_keys(&posts.people, verifier, &readiness, &shutdown);

        let counters = CountersApi {
            posts: posts.store.clone(),
            cached: posts.cached.clone(),
            counts,
            store: store.clone(),
            clock: Arc::clone(&posts.clock),
        };
        let likes = LikesApi { likes: apply_likes };
        let internal = internal(&posts, &store, counters, FeedsApi { updates }, likes);
        let internal = self.grpc.spawn(internal, &shutdown, lifecycle.drain_delay);
        Box::pin(internal).await?;
        let posts = Data::new(posts);
        self.http.spawn(
            "posts",
            http::routes(),
            move |config| {
                config.app_data(posts.clone());
            },
            self.authenticator,
            settings.credential.service_credential.clone(),
            readiness,
            lifecycle,
            &shutdown,
        )?;
        tracing::info!(
            http = %self.addresses.http,
            grpc = %self.addresses.grpc,
            admin = %self.addresses.admin,
            "serving"
        );
        shutdown.run_to_end(lifecycle).await
    }

    fn erasing(&self, erasures: &Erasures) -> Erasing {
        let Self {
            store,
            posts,
            counts,
            outbox,
            ..
        } = self;
        let (comments, answers) = (posts.comments.clone(), posts.answers.clone());
        Erasing {
            erasures: erasures.clone(),
            remains: Remains::new(store, comments, counts.clone(), answers, outbox.clone()),
            posts: posts.clone(),
            cache: self.cache.clone(),
            lease: Lease::new(store, LEASES, "erasing"),
        }
    }
}

/// The internal API.
fn internal(
    posts: &Posts,
    store: &Store,
    counters: CountersApi,
    feeds: FeedsApi,
    likes: LikesApi,
) -> impl FnOnce(&mut tonic::service::RoutesBuilder) {
    let accounts = AccountsApi {
        posts: posts.clone(),
        export: Export {
            stored: Exports::new(store),
        },
    };
    let posts = PostsApi {
        store: posts.store.clone(),
    };
    move |routes| {
        routes
            .add_service(PostsServiceServer::new(posts))
            .add_service(AccountsServiceServer::new(accounts))
            .add_service(CountersServiceServer::new(counters))
            .add_service(FeedsServiceServer::new(feeds))
            .add_service(LikesServiceServer::new(likes));
    }
}

/// The service is ready once it has the keys of access tokens.
fn learn_keys(
    people: &People,
    verifier: Arc<Verifier>,
    readiness: &Readiness,
    shutdown: &Shutdown,
) {
    let people = people.clone();
    shutdown.spawn_until_drain(follow_keys(Arc::clone(&verifier), async move || {
        people.keys().await
    }));
    let readiness = readiness.clone();
    shutdown.spawn_until_drain(async move {
        first_keys(&verifier).await;
        readiness.set_started();
    });
}
