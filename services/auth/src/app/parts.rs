use std::sync::Arc;

use cache::{Cache, Revocations};
use runtime::Clock;
use store::{IdempotencyRecords, Outbox, Store};
use tokens::Signer;
use web::actix_web::web::{Data, ServiceConfig};

use crate::{
    Settings,
    accounts::Accounts,
    attempts::{AttemptLimits, Attempts},
    audit::Audit,
    block_lists::BlockLists,
    blocking::Blocking,
    copies::Copies,
    follow_lists::FollowLists,
    follow_requests::FollowRequests,
    follows::FollowGraph,
    last_seen::LastSeen,
    mail::Mailer,
    moderation::Moderation,
    mongo::{
        AuditLog, Blocks, Counters, FollowChanges, FollowSweeps, Follows, IDEMPOTENCY, Mails,
        OUTBOX, ReportStore, SessionStore, TokenStore, Users,
    },
    one_time_tokens::OneTimeTokens,
    passwords::Passwords,
    posts::Posts,
    relations::Relations,
    report_queue::ReportQueue,
    reports::Reports,
    revocation::RevocationPublisher,
    sessions::Sessions,
    suggestions::Suggestions,
    user_search::UserSearch,
};

/// What the service is made of behind its ports.
pub(super) struct Parts {
    pub(super) accounts: Accounts,
    pub(super) graph: FollowGraph,
    pub(super) lists: FollowLists,
    pub(super) counters: Counters,
    pub(super) moderation: Moderation,
    pub(super) reports: Reports,
    pub(super) mailer: Mailer,
    pub(super) cache: Cache,
    pub(super) store: Store,
}

impl Parts {
    /// Puts the parts together. MongoDB and Redis need not be up.
    pub(super) async fn assemble(
        settings: &Settings,
        signer: Arc<Signer>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let store = Store::connect(&settings.mongo, "auth").await?;
        let cache = Cache::connect(&settings.redis)?;
        let mailer = Mailer::new(&settings.mail_url, settings.mail_from.clone())?;
        let passwords = Passwords::new(settings.password_concurrency, settings.password_wait)?;
        let posts = Posts::connect(settings)?;
        let outbox = Outbox::new(&store, OUTBOX);
        let copies = Copies::new(&cache);
        let changes = FollowChanges::new(&store);
        let relations = Relations {
            store: store.clone(),
            users: Users::new(&store),
            follows: Follows::new(&store),
            blocks: Blocks::new(&store),
            changes: changes.clone(),
        };
        let sessions = sessions(settings, &relations, &cache, signer, Arc::clone(&clock));
        let moderation = Moderation {
            relations: relations.clone(),
            sessions: sessions.store.clone(),
            revocations: sessions.revocations.clone(),
            log: AuditLog::new(&store),
            outbox: outbox.clone(),
            copies: copies.clone(),
            clock: Arc::clone(&clock),
        };
        let reports = Reports {
            relations: relations.clone(),
            store: ReportStore::new(&store),
            answers: IdempotencyRecords::new(&store, IDEMPOTENCY),
            posts: posts.clone(),
            clock: Arc::clone(&clock),
            daily_limit: settings.report_limit,
        };
        let graph = FollowGraph {
            relations: relations.clone(),
            outbox: outbox.clone(),
            copies: copies.clone(),
            clock: Arc::clone(&clock),
            following_limit: u64::from(settings.following_limit),
        };
        let lists = FollowLists {
            relations: relations.clone(),
        };
        let accounts = Accounts {
            relations,
            outbox,
            copies,
            sweeps: FollowSweeps::new(&store),
            sessions,
            passwords,
            clock,
            mails: Mails::new(&store),
            tokens: OneTimeTokens {
                store: TokenStore::new(&store),
            },
            answers: reports.answers.clone(),
            reports: reports.store.clone(),
            posts,
            minimum_age: settings.minimum_age,
            deletion_grace: settings.deletion_grace,
        };
        Ok(Self {
            accounts,
            graph,
            lists,
            counters: Counters::new(&store, &changes),
            moderation,
            reports,
            mailer,
            cache,
            store,
        })
    }

    /// What the operations ask for.
    pub(super) fn provide(self) -> impl Fn(&mut ServiceConfig) + Send + Clone + 'static {
        let Self {
            accounts,
            graph,
            lists,
            moderation,
            reports,
            ..
        } = self;
        let relations = graph.relations.clone();
        let signer = Data::from(Arc::clone(&accounts.sessions.signer));
        let requests = Data::new(FollowRequests {
            graph: graph.clone(),
        });
        let blocking = Data::new(Blocking {
            graph: graph.clone(),
        });
        let block_lists = Data::new(BlockLists {
            relations: relations.clone(),
        });
        let search = Data::new(UserSearch {
            relations: relations.clone(),
        });
        let suggestions = Data::new(Suggestions { relations });
        let audit = Data::new(Audit {
            moderation: moderation.clone(),
            log: moderation.log.clone(),
        });
        let queue = Data::new(ReportQueue {
            moderation: moderation.clone(),
            store: reports.store.clone(),
            clock: Arc::clone(&moderation.clock),
        });
        let (accounts, graph, lists) = (Data::new(accounts), Data::new(graph), Data::new(lists));
        let (moderation, reports) = (Data::new(moderation), Data::new(reports));
        move |config| {
            config.app_data(accounts.clone()).app_data(signer.clone());
            config.app_data(graph.clone()).app_data(lists.clone());
            config
                .app_data(requests.clone())
                .app_data(blocking.clone())
                .app_data(block_lists.clone())
                .app_data(search.clone())
                .app_data(suggestions.clone());
            config.app_data(moderation.clone()).app_data(audit.clone());
            config.app_data(reports.clone()).app_data(queue.clone());
        }
    }
}

fn sessions(
    settings: &Settings,
    relations: &Relations,
    cache: &Cache,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
) -> Sessions {
    Sessions {
        relations: relations.clone(),
        store: SessionStore::new(&relations.store),
        attempts: Attempts {
            cache: cache.clone(),
            limits: AttemptLimits {
                account: settings.login_attempts,
                address: settings.address_failures,
                mails: settings.mail_requests,
                address_mails: settings.address_mail_requests,
            },
        },
        signer,
        revocations: RevocationPublisher::new(Revocations::new(cache.clone())),
        last_seen: LastSeen::default(),
        clock,
        token_lifetime: settings.token_lifetime,
        failure_time: settings.login_failure_time,
    }
}
