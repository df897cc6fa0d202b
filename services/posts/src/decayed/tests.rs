use testkit::Sandbox;

use super::*;
use crate::timelines::tests::known_cache;

const HOUR: Duration = Duration::from_hours(1);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LEAST: Score = Score::LOWEST;

async fn scores(sandbox: &Sandbox, length: usize) -> DecayedScores {
    let cache = known_cache(sandbox).await;
    DecayedScores::new(&cache, "scores", HOUR, length)
}

fn names(found: Vec<Scored>) -> Vec<String> {
    let names = found.into_iter().map(|(name, _)| name);
    names.map(|name| String::from_utf8(name).unwrap()).collect()
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * b
}

#[tokio::test]
async fn everything_counts_half_after_a_half_life() {
    let sandbox = Sandbox::create().await;
    let scores = scores(&sandbox, 10).await;
    let long_ago = NOW.minus(HOUR * 2);
    for (weight, at) in [(4.0, long_ago), (3.0, NOW), (8.0, NOW.minus(HOUR))] {
        let score = scores.score(weight, at);
        scores.add(&[("a", score)]).await.unwrap();
    }
    let found = scores.top(LEAST, 0, 10).await.unwrap();
    let weight = scores.weight(found[0].1, NOW);
    assert!(is_near(weight, 8.0), "{weight}");
    let later = scores.weight(found[0].1, NOW.plus(HOUR * 3));
    assert!(is_near(later, 1.0), "{later}");
    let both = scores.score(5.0, NOW).and(scores.score(6.0, long_ago));
    assert!(is_near(scores.weight(both, NOW), 6.5));
}

#[tokio::test]
async fn sums_of_many_years_neither_overflow_nor_vanish() {
    let sandbox = Sandbox::create().await;
    let scores = scores(&sandbox, 10).await;
    let years = Duration::from_hours(24 * 365 * 40);
    let ages = [Timestamp::from_millis(0), NOW, NOW.plus(years)];
    for at in ages {
        scores.add(&[("a", scores.score(1.0, at))]).await.unwrap();
    }
    let found = scores.top(LEAST, 0, 1).await.unwrap();
    assert!(is_near(scores.weight(found[0].1, ages[2]), 1.0));
}

#[tokio::test]
async fn the_largest_stay() {
    let sandbox = Sandbox::create().await;
    let scores = scores(&sandbox, 3).await;
    let added = [("a", 5.0), ("b", 1.0), ("c", 2.0), ("d", 4.0), ("b", 2.0)];
    let added = added.map(|(name, weight)| (name, scores.score(weight, NOW)));
    scores.add(&added).await.unwrap();
    assert_eq!(
        names(scores.top(LEAST, 0, 9).await.unwrap()),
        ["a", "d", "b"]
    );
    scores.remove(&["d"]).await.unwrap();
    scores.remove::<&str>(&[]).await.unwrap();
    assert_eq!(names(scores.top(LEAST, 1, 9).await.unwrap()), ["b"]);
    let least = scores.score(4.0, NOW);
    assert_eq!(names(scores.top(least, 0, 9).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn what_is_known_raises_and_never_adds() {
    let sandbox = Sandbox::create().await;
    let scores = scores(&sandbox, 10).await;
    let of = |weight| scores.score(weight, NOW);
    scores.add(&[("a", of(5.0))]).await.unwrap();
    for _ in 0..2 {
        let known = [("a", of(2.0)), ("b", of(3.0))];
        scores.raise(&known).await.unwrap();
    }
    let found = scores.top(LEAST, 0, 9).await.unwrap();
    let weights: Vec<f64> = found.iter().map(|it| scores.weight(it.1, NOW)).collect();
    assert!(is_near(weights[0], 5.0) && is_near(weights[1], 3.0));
    assert_eq!(names(found), ["a", "b"]);
}

#[tokio::test]
async fn parts_join_without_a_gap_also_within_one_score() {
    let sandbox = Sandbox::create().await;
    let scores = scores(&sandbox, 100).await;
    let added: Vec<(String, Score)> = (0..40_u32)
        .map(|n| {
            let weight = f64::from(n / 7 + 1);
            (format!("m{n:02}"), scores.score(weight, NOW))
        })
        .collect();
    scores.add(&added).await.unwrap();
    let least = scores.score(2.0, NOW);
    let all = scores.top(least, 0, 100).await.unwrap();
    assert_eq!(all.len(), 33);
    for count in 1..9 {
        let mut joined = scores.top(least, 0, count).await.unwrap();
        loop {
            let (member, score) = joined.last().unwrap().clone();
            // As it comes back from a client.
            let score = Score::try_from(u64::from(score)).unwrap();
            let next = scores.behind((&member, score), least, count).await.unwrap();
            if next.is_empty() {
                break;
            }
            joined.extend(next.into_iter().take(count));
        }
        assert_eq!(joined, all, "{count} at a time");
    }
}

#[tokio::test]
async fn one_builds_what_is_not_there() {
    let sandbox = Sandbox::create().await;
    let scores = scores(&sandbox, 10).await;
    assert!(scores.claim().await.unwrap());
    assert!(!scores.claim().await.unwrap());
    scores.note_built().await.unwrap();
    assert!(!scores.claim().await.unwrap());
    sandbox.flush_redis().await;
    assert!(scores.claim().await.unwrap());
}

#[test]
fn what_is_no_score_is_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(Score::try_from(value.to_bits()).is_err());
    }
}
