//! Publishers, wakes and sockets that come and go, in whatever order it happens.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use testkit::eventually;
use tokio::task::{JoinSet, yield_now};

use super::{LOG, PATIENCE, ear::Ear, on, shaky::ShakyLog};
use crate::{
    Appended, EventLog, LoggedEvent, Message, Offset, Reading, Retention, SocketId,
    feeds::{Feeds, Start},
};

const PUBLISHERS: u64 = 3;
const VISITORS: u64 = 4;
/// At least; visitors come for as long as there are publishers.
const VISITS: usize = 12;

/// What the log has: the event, and from whom it is kept.
type Written = BTreeMap<Offset, (String, Option<SocketId>)>;

/// A time in which a socket followed: from where on, and what it heard.
type Visit = (Offset, Arc<Ear>);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_follows_hears_every_event_behind_its_start_once_in_order() {
    for seed in 0..40 {
        let log = Arc::new(ShakyLog::new(Retention::default()));
        story(log, seed, 60).await;
    }
}

/// Each publisher appends that many `events`. Whoever follows hears of all of
/// them that are behind its start, once, in order.
pub(super) async fn story(log: Arc<dyn EventLog>, seed: u64, events: u64) {
    // Two processes; each hears of an event or does not.
    let nodes = [on(&log), on(&log)];
    let start = log.open(LOG).await.unwrap();
    let ids: Vec<_> = (0..VISITORS).map(|_| SocketId::random()).collect();
    let are_done = Arc::new(AtomicBool::new(false));

    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let publisher = Publisher {
            name: publisher,
            rng: StdRng::seed_from_u64(seed << 8 | publisher),
            log: Arc::clone(&log),
            nodes: nodes.clone(),
            ids: ids.clone(),
        };
        publishers.spawn(publisher.publish(events));
    }
    let mut visitors = JoinSet::new();
    for (visitor, id) in (0..).zip(ids) {
        let visitor = Visitor {
            id,
            rng: StdRng::seed_from_u64(seed << 8 | 128 | visitor),
            nodes: nodes.clone(),
            visits: Vec::new(),
        };
        visitors.spawn(visitor.come_and_go(Arc::clone(&are_done)));
    }
    publishers.join_all().await;
    are_done.store(true, Ordering::SeqCst);
    let visits = visitors.join_all().await;

    let written = read_all(&*log, start).await;
    assert_eq!(written.len() as u64, PUBLISHERS * events);
    let (last, _) = written.last_key_value().unwrap();
    for node in &nodes {
        node.resync().await;
        let is_at_the_end = async || {
            let feed = node.feed(LOG);
            feed.is_none_or(|feed| feed.position() == Some(*last))
        };
        eventually(PATIENCE, is_at_the_end).await;
    }
    for (staying, mut visits) in visits {
        if staying {
            let visit = visits.pop().unwrap();
            check(&visit, *last, &written);
        }
        for visit in visits {
            check(&visit, end_of(&visit), &written);
        }
    }
}

/// It heard everything from its start up to `end`, and nothing else.
fn check(visit: &Visit, end: Offset, written: &Written) {
    let (start, ear) = visit;
    ear.check();
    assert!(!ear.is_lost());
    let expected: Vec<_> = written
        .range(..=end)
        .filter(|(at, (_, except))| *at > start && *except != Some(ear.id))
        .map(|(at, (text, _))| (*at, text.clone()))
        .collect();
    assert_eq!(ear.record(), expected, "from {start} to {end}");
}

/// The last event that the client has had.
fn end_of((start, ear): &Visit) -> Offset {
    ear.record().last().map_or(*start, |(at, _)| *at)
}

async fn read_all(log: &dyn EventLog, start: Offset) -> Written {
    let Reading::Complete { events, .. } = log.read(LOG, start, 10_000).await.unwrap() else {
        panic!("a gap")
    };
    let text = |event: &LoggedEvent| -> String {
        let (_name, text): (String, String) = serde_json::from_str(&event.args).unwrap();
        text
    };
    let written = events.into_iter();
    written
        .map(|(at, event)| (at, (text(&event), event.except())))
        .collect()
}

struct Publisher {
    name: u64,
    rng: StdRng,
    log: Arc<dyn EventLog>,
    nodes: [Feeds; 2],
    ids: Vec<SocketId>,
}

impl Publisher {
    async fn publish(mut self, events: u64) {
        for n in 0..events {
            let text = format!("{}.{n}", self.name);
            let except = self.ids[self.rng.random_range(0..self.ids.len())];
            let except = self.rng.random_ratio(1, 8).then_some(except);
            let message = Message::event("said").with(&text).unwrap();
            let event = LoggedEvent::new(&message, except).unwrap();
            let appended = loop {
                match self.log.append(LOG, &event, Some(&text)).await {
                    Ok(appended) => break appended,
                    Err(_outage) => yield_now().await,
                }
            };
            for node in &self.nodes {
                match (self.rng.random_range(0..6), appended) {
                    (0, _) => {}
                    (2.., Appended::At(at)) => node.wake(LOG, Some((at, event.clone()))),
                    (_, _) => node.wake(LOG, None),
                }
            }
            for _ in 0..self.rng.random_range(0..5) {
                yield_now().await;
            }
        }
    }
}

struct Visitor {
    id: SocketId,
    rng: StdRng,
    nodes: [Feeds; 2],
    visits: Vec<Visit>,
}

impl Visitor {
    /// Each time goes on where it was, here or there, or begins anew. Whether it
    /// stayed at last.
    async fn come_and_go(mut self, may_end: Arc<AtomicBool>) -> (bool, Vec<Visit>) {
        loop {
            let node = self.nodes[self.rng.random_range(0..2)].clone();
            let had = self.visits.last().map(end_of);
            let start = had.filter(|_| self.rng.random_ratio(3, 4));
            let visit = self.follow(&node, start).await;
            self.visits.push(visit);
            for _ in 0..self.rng.random_range(0..20) {
                yield_now().await;
            }
            let is_last = may_end.load(Ordering::SeqCst) && self.visits.len() >= VISITS;
            let staying = is_last && self.rng.random();
            if !staying {
                node.unfollow(LOG, self.id);
            }
            if is_last {
                return (staying, self.visits);
            }
        }
    }

    async fn follow(&self, node: &Feeds, start: Option<Offset>) -> Visit {
        let start = start.map_or(Start::Head, Start::After);
        let ear = loop {
            match Ear::try_follow_as(self.id, node, start).await {
                Ok(ear) => break ear,
                Err(_outage) => yield_now().await,
            }
        };
        match start {
            Start::Head => (ear.began(), ear),
            Start::After(offset) => {
                assert_eq!(ear.recovered(), Some(true), "after {offset}");
                (offset, ear)
            }
        }
    }
}
