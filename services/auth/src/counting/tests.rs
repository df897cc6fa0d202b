use bson::{Document, doc};
use contracts::jobs::v1::{Jobs, NotificationKind, job};
use domain::{Follow, FollowStatus, Timestamp};
use futures_util::TryStreamExt;
use mongodb::Collection;
use runtime::ManualClock;
use store::MongoSettings;
use testkit::Sandbox;

use super::*;
use crate::{
    counters::CounterCheck,
    mongo::{LEASES, OUTBOX, indexes},
};

/// Auth's collections without anybody who counts.
struct Quiet {
    sandbox: Sandbox,
    store: Store,
}

impl Quiet {
    async fn start() -> Self {
        let sandbox = Sandbox::create().await;
        let settings = MongoSettings {
            mongodb_uri: sandbox.mongodb_uri().into(),
            mongodb_database: sandbox.mongodb_database().to_owned(),
            mongodb_timeout: Duration::from_secs(10),
            mongodb_pool_size: 16,
            mongodb_command_log: None,
        };
        let store = Store::connect(&settings, "test").await.unwrap();
        store.ensure_indexes(&indexes::all()).await.unwrap();
        Self { sandbox, store }
    }

    fn counting(&self) -> FollowCounting {
        let changes = FollowChanges::new(&self.store);
        let counters = Counters::new(&self.store, &changes);
        let lease = Lease::new(&self.store, LEASES, "follow_counting");
        let outbox = Outbox::new(&self.store, OUTBOX);
        let clock = Arc::new(ManualClock::default());
        FollowCounting::new(&self.store, &changes, &counters, &outbox, clock, lease)
    }

    fn documents(&self, collection: &str) -> Collection<Document> {
        self.sandbox.mongodb().collection(collection)
    }

    async fn accounts(&self, count: usize) -> Vec<UserId> {
        let ids: Vec<UserId> = (0..count).map(|_| UserId::generate()).collect();
        let accounts = ids
            .iter()
            .map(|id| doc! { "_id": *id, "username": id.to_string() });
        self.documents("users").insert_many(accounts).await.unwrap();
        ids
    }

    /// A follow that is stored and not counted.
    async fn follow(&self, from: UserId, to: UserId) {
        let edge = Follow {
            id: Id::generate(),
            follower_id: from,
            followee_id: to,
            status: FollowStatus::Accepted,
            created_at: Timestamp::from_millis(0),
        };
        let edges = self.sandbox.mongodb().collection::<Follow>("follows");
        edges.insert_one(edge).await.unwrap();
        let rows = self.sandbox.mongodb().collection("follow_changes");
        let row = row(from, to, 1);
        rows.insert_one(row).await.unwrap();
    }

    async fn counter(&self, id: UserId, field: &str) -> i64 {
        let found = self.documents("users").find_one(doc! { "_id": id }).await;
        found.unwrap().unwrap().get_i64(field).unwrap()
    }
}

fn row(from: UserId, to: UserId, delta: i64) -> FollowChange {
    FollowChange {
        id: Id::generate(),
        follower_id: from,
        followee_id: to,
        delta,
        was_asked: false,
    }
}

#[test]
fn changes_are_summed_by_account_and_may_cancel_out() {
    let (ana, bo) = (UserId::generate(), UserId::generate());
    let summed = deltas(&[row(ana, bo, 1), row(bo, ana, 1), row(ana, bo, -1)]);
    let (mut of_ana, mut of_bo) = (CounterDeltas::default(), CounterDeltas::default());
    (of_ana.followers, of_bo.following) = (1, 1);
    assert_eq!(summed, BTreeMap::from([(ana, of_ana), (bo, of_bo)]));
}

#[test]
fn only_who_is_new_and_was_not_asked_for_is_told_of() {
    let [ana, bo, cy, di, ed] = [(); 5].map(|()| UserId::generate());
    let asked = FollowChange {
        was_asked: true,
        ..row(di, ana, 1)
    };
    let rows = [
        row(bo, ana, 1),
        row(cy, ana, 1),
        row(cy, ana, -1),
        asked,
        row(ed, ana, -1),
        row(ed, ana, 1),
        row(cy, ana, 1),
        row(ana, bo, -1),
    ];
    let told = BTreeMap::from([(ana, vec![bo, cy])]);
    assert_eq!(newcomers(&rows), told);
    assert_eq!(newcomers(&rows[1..3]), BTreeMap::new());
}

/// Of the notifications that wait, whom each tells of how many.
async fn told(quiet: &Quiet) -> Vec<(String, usize)> {
    let rows = quiet.documents(OUTBOX).find(doc! {}).await.unwrap();
    let rows: Vec<Document> = rows.try_collect().await.unwrap();
    let notify = |row: &Document| {
        let jobs = Jobs::from_bytes(row.get_binary_generic("payload").unwrap());
        let [job] = jobs.unwrap().jobs.try_into().unwrap();
        let Some(job::Work::Notify(notify)) = job.work else {
            panic!("another job");
        };
        assert_eq!(notify.kind(), NotificationKind::Follow);
        (notify.user_id, notify.actors.len())
    };
    rows.iter().map(notify).collect()
}

#[tokio::test]
async fn a_rush_of_followers_is_told_in_a_few_jobs_with_the_count() {
    let quiet = Quiet::start().await;
    let accounts = quiet.accounts(205).await;
    let (owner, fans) = accounts.split_first().unwrap();
    for fan in fans {
        quiet.follow(*fan, *owner).await;
    }
    let replicas = [quiet.counting(), quiet.counting()];
    let rows = replicas[0].changes.oldest(BATCH).await.unwrap();
    let counts = replicas.iter().map(|replica| replica.count(&rows));
    futures_util::future::join_all(counts).await;
    let mut sizes = told(&quiet).await;
    sizes.sort_by_key(|(_, size)| *size);
    let owner = owner.to_string();
    let expected = [4, 100, 100].map(|size| (owner.clone(), size));
    assert_eq!(sizes, expected);
    assert_eq!(quiet.counter(accounts[0], "followers_count").await, 204);
}

#[tokio::test]
async fn who_counts_beside_somebody_else_counts_nothing_twice() {
    let quiet = Quiet::start().await;
    let accounts = quiet.accounts(41).await;
    let (owner, fans) = accounts.split_first().unwrap();
    let replicas = [quiet.counting(), quiet.counting(), quiet.counting()];
    for fans in fans.chunks(10) {
        for fan in fans {
            quiet.follow(*fan, *owner).await;
        }
        // All of them read the same rows.
        let rows = replicas[0].changes.oldest(BATCH).await.unwrap();
        let counts = replicas.iter().map(|replica| replica.count(&rows));
        let counted = futures_util::future::join_all(counts).await;
        let counted = counted.into_iter().filter(|it| *it.as_ref().unwrap());
        assert_eq!(counted.count(), 1);
    }
    assert_eq!(quiet.counter(*owner, "followers_count").await, 40);
    for fan in fans {
        assert_eq!(quiet.counter(*fan, "following_count").await, 1);
    }
}

#[tokio::test]
async fn a_batch_of_which_a_part_is_gone_is_left_alone() {
    let quiet = Quiet::start().await;
    let accounts = quiet.accounts(3).await;
    quiet.follow(accounts[1], accounts[0]).await;
    let counting = quiet.counting();
    let mut rows = counting.changes.oldest(BATCH).await.unwrap();
    rows.push(row(accounts[2], accounts[0], 1));
    assert!(!counting.count(&rows).await.unwrap());
    let left = quiet.documents("follow_changes");
    assert_eq!(left.count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(counting.round().await.unwrap(), Round::More);
    assert_eq!(counting.round().await.unwrap(), Round::Done);
    assert_eq!(quiet.counter(accounts[0], "followers_count").await, 1);
}

#[tokio::test]
async fn accounts_that_are_gone_stop_nobody() {
    let quiet = Quiet::start().await;
    let accounts = quiet.accounts(2).await;
    quiet.follow(accounts[1], UserId::generate()).await;
    quiet.follow(UserId::generate(), accounts[0]).await;
    let counting = quiet.counting();
    assert_eq!(counting.round().await.unwrap(), Round::More);
    assert_eq!(quiet.counter(accounts[0], "followers_count").await, 1);
    assert_eq!(quiet.counter(accounts[1], "following_count").await, 1);
}

#[tokio::test]
async fn what_is_not_counted_yet_is_neither_wrong_nor_repaired_twice() {
    let quiet = Quiet::start().await;
    let accounts = quiet.accounts(3).await;
    let counting = quiet.counting();
    let check = CounterCheck {
        store: quiet.store.clone(),
        counters: counting.counters.clone(),
    };
    quiet.follow(accounts[1], accounts[0]).await;
    let verified = check.verify(None, 10, false).await.unwrap();
    assert_eq!((verified.examined, verified.mismatches.len()), (3, 0));

    let wrong = doc! { "$set": { "followers_count": 5 } };
    let of_first = doc! { "_id": accounts[0] };
    let users = quiet.documents("users");
    users.update_one(of_first, wrong).await.unwrap();
    let verified = check.verify(None, 10, true).await.unwrap();
    let counts = verified.mismatches.iter().map(|it| it.count);
    let counts: Vec<(i64, i64)> = counts.map(|it| (it.stored, it.counted)).collect();
    assert_eq!(counts, [(6, 1)]);
    assert_eq!(quiet.counter(accounts[0], "followers_count").await, 0);
    counting.round().await.unwrap();
    assert_eq!(quiet.counter(accounts[0], "followers_count").await, 1);
    let verified = check.verify(None, 10, false).await.unwrap();
    assert!(verified.mismatches.is_empty());
}
