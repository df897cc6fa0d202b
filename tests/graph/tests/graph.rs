//! Edge lists are read as they are published, and generated networks have the
//! shape that was asked for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use graph::{EdgeListError, Graph, HeavyTailed, Meaning};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};

fn friendships(list: &str) -> Graph {
    Graph::parse(list.as_bytes(), Meaning::Friendship).unwrap()
}

fn follows(list: &str) -> Graph {
    Graph::parse(list.as_bytes(), Meaning::Follow).unwrap()
}

fn fault(list: &str) -> EdgeListError {
    Graph::parse(list.as_bytes(), Meaning::Follow).unwrap_err()
}

#[test]
fn friends_follow_each_other() {
    let graph = friendships("1 0\n2 0\n");
    assert_eq!((graph.people(), graph.size()), (3, 4));
    assert_eq!(graph.followees(0), [1, 2]);
    assert_eq!(graph.followers(0), [1, 2]);
    assert_eq!(graph.followees(1), [0]);
}

#[test]
fn a_follow_goes_one_way() {
    let graph = follows("0 1\n0 2\n");
    assert_eq!(graph.followees(0), [1, 2]);
    assert_eq!(graph.followers(0), [0_u32; 0]);
    assert_eq!(graph.followers(2), [0]);
    assert_eq!(graph.follows().collect::<Vec<_>>(), [(0, 1), (0, 2)]);
}

#[test]
fn any_way_of_writing_a_list_is_read() {
    let same = [
        "0 1\n1 2\n",
        "0\t1\n1\t2",
        "0,1\r\n1, 2\r\n",
        "0;1;0.5\n1;2;0.25\n",
        "# a comment\n\n% another\n  0   1  1199999\n1 2 1200000\n",
        "0 1\n1 2\n0 1\n1 1\n",
    ];
    for list in same {
        assert_eq!(follows(list), follows("0 1\n1 2\n"), "{list:?}");
    }
}

#[test]
fn people_are_numbered_without_gaps_in_the_order_of_their_ids() {
    let graph = follows("18446744073709551615 7\n7 100\n");
    assert_eq!(graph, follows("2 0\n0 1\n"));
}

#[test]
fn a_matrix_market_file_says_itself_what_it_means() {
    let body = "% about it\n4 4 2\n2 1\n3 1\n";
    let symmetric = format!("%%MatrixMarket matrix coordinate pattern symmetric\n{body}");
    let general = format!("%%MatrixMarket matrix coordinate pattern general\n{body}");
    assert_eq!(follows(&symmetric), friendships("2 1\n3 1\n"));
    assert_eq!(friendships(&general), follows("2 1\n3 1\n"));
}

#[test]
fn a_faulty_line_is_named() {
    for (list, at) in [
        ("1 2\n3\n", 2),
        ("# c\n\nfrom to\n", 3),
        ("1 -2\n", 1),
        ("1 2.5", 1),
    ] {
        let EdgeListError::Malformed { line, .. } = fault(list) else {
            panic!("{list:?} is malformed");
        };
        assert_eq!(line, at, "{list:?}");
    }
}

#[test]
fn a_list_without_an_edge_between_two_people_is_refused() {
    for list in ["", "# nothing\n", "4 4\n"] {
        assert!(matches!(fault(list), EdgeListError::Empty), "{list:?}");
    }
}

#[test]
fn the_order_of_lines_changes_nothing_and_followers_mirror_followees() {
    for seed in 0..50 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let people = random.random_range(2..40);
        let mut edge = || [(); 2].map(|()| random.random_range(0..people));
        let mut lines: Vec<_> = (0..people * 3)
            .map(|_| edge().map(|id| (id * 13).to_string()).join(" "))
            .chain(["0 13".to_owned()])
            .collect();
        let graph = follows(&lines.join("\n"));
        lines.shuffle(&mut random);
        assert_eq!(graph, follows(&lines.join("\n")), "seed {seed}");

        let mut mirrored = 0;
        for person in 0..graph.people() {
            for &follower in graph.followers(person) {
                let followees = graph.followees(follower);
                assert!(followees.contains(&person), "seed {seed}");
                assert_ne!(person, follower, "seed {seed}");
                mirrored += 1;
            }
        }
        assert_eq!(
            (mirrored, graph.follows().count()),
            (graph.size(), mirrored)
        );
    }
}

#[test]
fn numbers_of_followers_are_summed_up() {
    // Of five people one has four followers, one has one.
    let graph = follows("1 0\n2 0\n3 0\n4 0\n0 1\n");
    let counts = graph.follower_counts();
    assert_eq!(counts.ascending(), [0, 0, 0, 1, 4]);
    assert_eq!((counts.max(), counts.percentile(50.0)), (4, 0));
    assert_eq!((counts.percentile(80.0), counts.percentile(81.0)), (1, 4));
    assert!((counts.mean() - 1.0).abs() < 1e-9);
    // Half the mean difference of two people, 36/25, over the mean, 1.
    assert!((counts.gini() - 0.72).abs() < 1e-9, "{}", counts.gini());
    assert!(graph.followee_counts().gini().abs() < 1e-9);
}

#[test]
fn a_seed_gives_one_network() {
    let network = HeavyTailed {
        people: 500,
        mean_followees: 12.0,
        exponent: 2.3,
    };
    let [first, again, other] = [1, 1, 2].map(|seed| network.generate(seed).unwrap());
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_generated_network_has_the_mean_and_the_tail_asked_for() {
    for (seed, exponent) in [(1, 2.2), (2, 2.5), (3, 3.0)] {
        let network = HeavyTailed {
            people: 6_000,
            mean_followees: 20.0,
            exponent,
        };
        let graph = network.generate(seed).unwrap();
        let counts = graph.follower_counts();
        assert!((18.0..22.0).contains(&counts.mean()), "{}", counts.mean());

        // Hill's estimator of the exponent over the three hundred most popular.
        let tail = counts.ascending().iter().rev().take(300);
        let tail: Vec<_> = tail.map(|&count| f64::from(count).ln()).collect();
        let least = tail.last().unwrap();
        let mean = tail.iter().map(|value| value - least).sum::<f64>() / 300.0;
        let estimate = 1.0 + 1.0 / mean;
        assert!((estimate - exponent).abs() < 0.3, "{exponent}: {estimate}");
    }
}

#[test]
fn an_impossible_network_is_refused() {
    let possible = HeavyTailed {
        people: 2,
        mean_followees: 1.0,
        exponent: 2.3,
    };
    assert_eq!(possible.generate(1).unwrap().people(), 2);
    let impossible = [
        HeavyTailed {
            people: 1,
            ..possible
        },
        HeavyTailed {
            mean_followees: 0.0,
            ..possible
        },
        HeavyTailed {
            mean_followees: f64::NAN,
            ..possible
        },
        HeavyTailed {
            exponent: 2.0,
            ..possible
        },
    ];
    for network in impossible {
        assert!(network.generate(1).is_err(), "{network:?}");
    }
}
