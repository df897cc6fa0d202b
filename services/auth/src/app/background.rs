use std::sync::Arc;

use bus::{Consumer, Publisher, Relay};
use contracts::topology::AUTH_EVENTS;
use runtime::{Readiness, Shutdown};
use store::Lease;

use super::parts::Parts;
use crate::{
    Settings,
    counting::FollowCounting,
    erasure::Erasing,
    events::EventHandler,
    going_public::GoingPublic,
    mail::{Links, MailSending},
    mongo::{Erasures, LEASES},
};

/// Events that wait for this process at a time.
const PREFETCH: u16 = 64;

impl Parts {
    /// Watches the dependencies, and starts what nobody waits for.
    pub(super) fn start_background_work(
        &self,
        settings: &Settings,
        readiness: &Readiness,
        shutdown: &Shutdown,
    ) {
        let publisher = Publisher::new(&settings.amqp, "auth");
        shutdown.spawn_until_drain(self.store.clone().watch(readiness.clone()));
        shutdown.spawn_until_drain(self.cache.clone().watch(readiness.clone()));
        shutdown.spawn_until_drain(publisher.clone().watch(readiness.clone()));

        let sessions = &self.accounts.sessions;
        let (revocations, clock) = (sessions.revocations.clone(), Arc::clone(&sessions.clock));
        shutdown.spawn_until_drain(revocations.keep_complete(sessions.store.clone(), clock));
        let (last_seen, clock) = (sessions.last_seen.clone(), Arc::clone(&sessions.clock));
        shutdown.spawn_until_drain(last_seen.keep_written(sessions.store.clone(), clock));

        let relay = Relay {
            outbox: self.accounts.outbox.clone(),
            lease: self.lease("relay"),
            publisher,
        };
        shutdown.spawn(relay.run(shutdown.clone()));
        shutdown.spawn(self.counting().run(shutdown.clone()));
        shutdown.spawn(self.going_public().run(shutdown.clone()));
        shutdown.spawn(self.mail_sending(settings).run(shutdown.clone()));
        shutdown.spawn(self.erasing(settings).run(shutdown.clone()));
        let events = EventHandler {
            counters: self.counters.clone(),
        };
        let consumer = Consumer::new(&settings.amqp, AUTH_EVENTS, PREFETCH);
        shutdown.spawn(consumer.run(shutdown.clone(), events));
    }

    fn counting(&self) -> FollowCounting {
        FollowCounting::new(
            &self.store,
            &self.graph.relations.changes,
            &self.counters,
            &self.graph.outbox,
            Arc::clone(&self.graph.clock),
            self.lease("follow_counting"),
        )
    }

    fn going_public(&self) -> GoingPublic {
        GoingPublic {
            relations: self.graph.relations.clone(),
            sweeps: self.accounts.sweeps.clone(),
            outbox: self.graph.outbox.clone(),
            copies: self.graph.copies.clone(),
            clock: Arc::clone(&self.graph.clock),
            lease: self.lease("going_public"),
        }
    }

    fn mail_sending(&self, settings: &Settings) -> MailSending {
        MailSending {
            mails: self.accounts.mails.clone(),
            users: self.accounts.relations.users.clone(),
            tokens: self.accounts.tokens.clone(),
            mailer: self.mailer.clone(),
            links: Links::new(settings.app_url.clone()),
            clock: Arc::clone(&self.accounts.clock),
            deletion_grace: settings.deletion_grace,
            lease: self.lease("mails"),
        }
    }

    fn erasing(&self, settings: &Settings) -> Erasing {
        Erasing {
            erasures: Erasures::new(&self.store),
            relations: self.accounts.relations.clone(),
            sweeps: self.accounts.sweeps.clone(),
            reports: self.reports.store.clone(),
            answers: self.accounts.answers.clone(),
            outbox: self.accounts.outbox.clone(),
            copies: self.accounts.copies.clone(),
            clock: Arc::clone(&self.accounts.clock),
            grace: settings.deletion_grace,
            lease: self.lease("erasing"),
        }
    }

    fn lease(&self, work: &'static str) -> Lease {
        Lease::new(&self.store, LEASES, work)
    }
}
