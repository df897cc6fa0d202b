use domain::Reaction;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(9);

fn job((liked_id, user_id): Pair, version: i64, reaction: Option<&str>) -> SetLike {
    SetLike {
        user_id,
        kind: LikedKind::Post,
        liked_id,
        reaction: reaction.map(|text| Reaction::parse(text).unwrap()),
        version,
        accepted_at: Timestamp::from_millis(version),
    }
}

/// What is stored, and nothing but what `decide` says done to it.
#[derive(Default)]
struct World {
    stored: Stored,
    counts: BTreeMap<LikedId, i64>,
}

impl World {
    fn with_post() -> (Self, LikedId) {
        let (mut world, post_id) = (Self::default(), PostId::generate());
        let post = Thing {
            kind: LikedKind::Post,
            author_id: UserId::generate(),
            post_id,
        };
        world.stored.things.insert(post_id.into(), post);
        (world, post_id.into())
    }

    fn apply(&mut self, jobs: Vec<SetLike>) -> Outcomes {
        let changes = decide(&Batch::new(jobs), &self.stored, NOW);
        let Stored {
            likes, tombstones, ..
        } = &mut self.stored;
        for like in changes.begun {
            let stored = Versioned {
                id: like.id,
                version: like.version,
            };
            let before = likes.insert((like.liked_id, like.user_id), stored);
            assert!(before.is_none());
        }
        for (id, job) in changes.renewed {
            let like = likes.get_mut(&job.pair()).unwrap();
            assert_eq!(like.id, id);
            like.version = job.version;
        }
        for ended in changes.ended {
            let size = likes.len();
            likes.retain(|_, like| like.id != ended);
            assert_eq!(likes.len(), size - 1);
        }
        for Tombstone {
            id,
            user_id,
            liked_id,
            version,
            at,
        } in changes.buried
        {
            assert_eq!(at, NOW);
            let stored = Versioned { id, version };
            assert!(tombstones.insert((liked_id, user_id), stored).is_none());
        }
        for (id, version) in changes.buried_again {
            let mut all = tombstones.values_mut();
            all.find(|it| it.id == id).unwrap().version = version;
        }
        for ((_, liked_id), change) in changes.counts {
            assert_ne!(change, 0);
            *self.counts.entry(liked_id).or_default() += change;
        }
        let count = |liked_id: &LikedId| likes.keys().filter(|(of, _)| of == liked_id).count();
        for (liked_id, stored) in &self.counts {
            assert_eq!(*stored, i64::try_from(count(liked_id)).unwrap());
        }
        changes.outcomes
    }

    fn likes(&self, pair: Pair) -> bool {
        self.stored.likes.contains_key(&pair)
    }
}

fn outcomes(applied: u32, outdated: u32) -> Outcomes {
    Outcomes {
        applied,
        outdated,
        orphaned: 0,
    }
}

#[test]
fn of_jobs_that_come_together_the_newest_holds() {
    let (mut world, post_id) = World::with_post();
    let pair = (post_id, UserId::generate());
    let jobs = vec![
        job(pair, 2, Some("b")),
        job(pair, 3, Some("c")),
        job(pair, 1, None),
        job(pair, 3, Some("c")),
    ];
    assert_eq!(world.apply(jobs), outcomes(1, 3));
    assert_eq!(world.stored.likes[&pair].version, 3);
    assert!(world.stored.tombstones.is_empty());
}

#[test]
fn a_like_of_the_predecessor_is_older_than_any_job() {
    let (mut world, post_id) = World::with_post();
    let pair = (post_id, UserId::generate());
    let id = Id::generate();
    let old = Versioned { id, version: 0 };
    world.stored.likes.insert(pair, old);
    world.counts.insert(post_id, 1);
    assert_eq!(world.apply(vec![job(pair, 1, None)]), outcomes(1, 0));
    assert!(!world.likes(pair));
}

#[test]
fn nobody_likes_what_is_not_there() {
    let mut world = World::default();
    let pair = (LikedId::generate(), UserId::generate());
    let orphaned = Outcomes {
        orphaned: 2,
        outdated: 1,
        ..Outcomes::default()
    };
    let other = (pair.0, UserId::generate());
    let jobs = vec![
        job(pair, 1, Some("a")),
        job(other, 1, None),
        job(pair, 2, Some("a")),
    ];
    assert_eq!(world.apply(jobs), orphaned);
    assert!(world.counts.is_empty());
}

/// All orders of all jobs about one pair, in all pieces.
#[test]
fn every_order_of_a_history_ends_the_same() {
    const HISTORY: [(i64, Option<&str>); 5] = [
        (1, Some("a")),
        (2, None),
        (3, Some("b")),
        (4, Some("c")),
        (5, None),
    ];
    for newest in 1..=HISTORY.len() {
        for order in orders(newest) {
            // Bit by bit, where a piece ends.
            for ends in 0_u32..1 << (newest - 1) {
                let (mut world, post_id) = World::with_post();
                let pair = (post_id, UserId::generate());
                let mut piece = Vec::new();
                for (at, job_at) in order.iter().enumerate() {
                    let (version, reaction) = HISTORY[*job_at];
                    piece.push(job(pair, version, reaction));
                    if at + 1 == newest || ends & (1 << at) != 0 {
                        world.apply(std::mem::take(&mut piece));
                    }
                }
                let (version, reaction) = HISTORY[newest - 1];
                assert_eq!(world.likes(pair), reaction.is_some(), "{order:?} {ends:b}");
                if let Some(like) = world.stored.likes.get(&pair) {
                    assert_eq!(like.version, version);
                }
            }
        }
    }
}

/// Every order of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let shorter = orders(last).into_iter();
    let with_last = shorter.flat_map(|order| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, last);
            order
        })
    });
    with_last.collect()
}

#[test]
fn what_an_account_thought_that_is_gone_counts_no_more() {
    let (mut world, post_id) = World::with_post();
    let pair = (post_id, UserId::generate());
    world.stored.erased.insert(pair.1);
    let jobs = vec![job(pair, 1, Some("a")), job(pair, 2, None)];
    let outcomes = world.apply(jobs);
    assert_eq!((outcomes.applied, outcomes.orphaned), (0, 1));
    assert!(!world.likes(pair) && world.stored.tombstones.is_empty());
}
