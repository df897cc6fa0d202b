//! Somebody who stands still in the middle of a batch, and who comes after them.

use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use testkit::{Moment, Sandbox, Wiretap, eventually};
use tonic::Code;

use super::{Rig, like, people, replica::Replica};

const SOON: Duration = Duration::from_secs(15);
/// Less than the server gives the dead.
const AT_ONCE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn whoever_takes_the_partition_over_does_not_wait_for_who_stands_still() {
    let rig = Rig::start().await;
    let [ana, bo, cy] = people();
    let post = rig.post(cy).await;
    let tap = Wiretap::mongodb(&rig.deployment.sandbox().mongodb_uri()).await;
    let stuck = Replica::start(&rig.deployment, &[("mongodb-uri", tap.url())]).await;
    let mut hold = tap.hold(Moment::After, "insert likes", 1);
    let jobs = vec![like(ana, post, 1), like(bo, post, 1)];
    let attempt = {
        let jobs = jobs.clone();
        tokio::spawn(async move { stuck.apply(jobs).await })
    };
    hold.reached(SOON).await;

    // The same comes again, as it does when a worker is gone.
    let began = Instant::now();
    assert_eq!(rig.apply(jobs).await, [2, 0, 0]);
    let waited = began.elapsed();
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(2)));

    // Thawed, the first finds that there is nothing left to do.
    drop(hold);
    let late = attempt.await.unwrap().unwrap();
    assert_eq!((late.applied, late.outdated), (0, 2));
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(2)));
    assert_eq!(rig.told().await.len(), 1);
}

/// Transactions that are open in the database of the sandbox.
async fn open_transactions(rig: &Rig) -> usize {
    let client = rig.deployment.sandbox().mongodb().client();
    let pipeline = [
        doc! { "$currentOp": { "idleSessions": true, "allUsers": true } },
        doc! { "$match": { "transaction.parameters": { "$exists": true } } },
    ];
    let open = client.database("admin").aggregate(pipeline).await.unwrap();
    let open: Vec<Document> = open.try_collect().await.unwrap();
    open.len()
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_given_up_with_a_word_that_says_so() {
    let rig = Rig::on(Sandbox::with_outages().await).await;
    let (proxy, [author]) = (rig.deployment.sandbox().mongodb_proxy(), people());
    let post = rig.post(author).await;
    let batch = || people::<1_000>().map(|user| like(user, post, 1)).to_vec();
    rig.apply(batch()).await;
    // Between two steps of the transaction, time passes.
    let given_up = loop {
        let watch = async {
            eventually(SOON, async || open_transactions(&rig).await > 0).await;
            proxy.hang();
            eventually(SOON, async || open_transactions(&rig).await == 0).await;
            proxy.restore();
        };
        let (outcome, ()) = tokio::join!(rig.replica.apply(batch()), watch);
        // Unless it was over already.
        if let Err(status) = outcome {
            break status;
        }
    };
    assert_eq!(given_up.code(), Code::DeadlineExceeded, "{given_up}");
    rig.apply(batch()).await;
    let likes = rig.likes(post).await.len().try_into().unwrap();
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(likes)));
}
