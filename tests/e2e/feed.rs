//! Whatever happens, and however feeds are kept, everybody's feed is what
//! MongoDB says that it must be.
#![allow(
    clippy::print_stderr,
    reason = "whoever reads a failure needs the seed and the figures"
)]

mod faults;
mod history;
mod messages;
mod outages;
mod reading;
mod rebuilds;
mod rig;
mod step;
mod truth;
mod wishes;

use history::History;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_feed_is_the_naive_one_after_any_history() {
    let given = std::env::var("SEED").ok();
    let seed = given.map_or_else(rand::random, |seed| seed.parse().expect("SEED is a number"));
    eprintln!("SEED={seed} lets the same people want the same again");
    let mut history = History::begin(seed).await;
    history.run().await;
    eprintln!("{} pages from the cache", history.hits);
    assert!(
        history.hits > 10,
        "SEED={seed} proves nothing: no page was cached"
    );
    for (what, name, label, enough) in PROOF {
        let count = history.rig.counted(name, label).await;
        eprintln!("{count} {what}");
        assert!(
            count >= enough,
            "SEED={seed} proves nothing: {count} {what}"
        );
    }
}

/// What a history must have gone through to prove anything, what counts it, and
/// how often at least.
const PROOF: [(&str, &str, &str, u64); 6] = [
    (
        "writes to timelines that people read",
        "feed_timeline_writes_total",
        "",
        50,
    ),
    (
        "pages made of timelines",
        "feed_sketches_total",
        "timeline",
        100,
    ),
    (
        "timelines made anew",
        "feed_timelines_rebuilt_total",
        "",
        20,
    ),
    (
        "authors who came to be read",
        "feed_fanout_mode_changes_total",
        "pulling",
        1,
    ),
    (
        "authors who came to be written again",
        "feed_fanout_mode_changes_total",
        "pushing",
        1,
    ),
    (
        "pages with posts of authors who are read",
        "feed_pulled_merges_total",
        "",
        10,
    ),
];
