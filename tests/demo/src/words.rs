//! What people are called and what they write, put together at random.

use std::fmt::Write as _;

use rand::{Rng, RngExt, seq::IndexedRandom};

const FIRST: &[&str] = &[
    "Ana", "Bo", "Chidi", "Dara", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya",
    "Lena", "Mateo", "Nadia", "Oskar", "Priya", "Quinn", "Rosa", "Samir", "Tomas", "Uma", "Vera",
    "Wen", "Ximena", "Yara", "Zoran",
];
const LAST: &[&str] = &[
    "Almeida",
    "Berg",
    "Costa",
    "Dvořák",
    "Eriksen",
    "Fontaine",
    "García",
    "Haddad",
    "Ito",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nowak",
    "Okafor",
    "Petrov",
    "Rossi",
    "Şahin",
    "Tanaka",
    "Vogel",
    "Weiss",
    "Yılmaz",
];
const MOMENTS: &[&str] = &[
    "first thing in the morning",
    "on the last tram home",
    "after the rain",
    "before work",
    "on a slow Sunday",
    "at the end of a long week",
    "under a very low sky",
    "between two meetings",
    "while the kettle boils",
    "just after sunset",
];
const DOINGS: &[&str] = &[
    "fixing the old bicycle",
    "baking with too much cardamom",
    "repotting the lemon tree",
    "learning a tune by ear",
    "walking along the canal",
    "sorting photos from the attic",
    "rewriting the same paragraph",
    "losing at table tennis",
    "mending a sail",
    "painting the kitchen door",
    "watching the market wake up",
    "counting herons",
];
const VERDICTS: &[&str] = &[
    "would do it again",
    "nobody asked, still worth it",
    "and it nearly worked",
    "best hour of the week",
    "ask me tomorrow whether it holds",
    "10 out of 10",
    "my hands still smell of it",
    "next time with gloves",
    "more of this please 🙌",
    "small victory 🎉",
];
const HASHTAGS: &[&str] = &[
    "smalljoys",
    "slowdays",
    "handmade",
    "outdoors",
    "kitchen",
    "neighbours",
    "learning",
    "sundaymood",
    "bicycles",
    "plants",
    "caffè",
    "grün",
    "夕焼け",
    "música",
];

/// A person's name.
pub(crate) fn full_name(random: &mut impl Rng) -> String {
    format!("{} {}", pick(FIRST, random), pick(LAST, random))
}

/// The text of a post; now and then it mentions `friend`.
pub(crate) fn caption(friend: Option<&str>, random: &mut impl Rng) -> String {
    let [moment, doing, verdict] = [MOMENTS, DOINGS, VERDICTS].map(|words| pick(words, random));
    let mut text = match random.random_range(0..3) {
        0 => format!("{doing} {moment}, {verdict}"),
        1 => format!("{moment}: {doing}"),
        _ => format!("{doing}, {verdict}"),
    };
    if let Some(friend) = friend
        && random.random_ratio(1, 5)
    {
        let _ = write!(text, " with @{friend}");
    }
    for _ in 0..random.random_range(0..3) {
        let _ = write!(text, " #{}", pick(HASHTAGS, random));
    }
    text
}

/// What somebody says about a post.
pub(crate) fn comment(random: &mut impl Rng) -> String {
    let [doing, verdict] = [DOINGS, VERDICTS].map(|words| pick(words, random));
    if random.random_bool(0.5) {
        verdict.to_owned()
    } else {
        format!("{doing}? {verdict}")
    }
}

fn pick(words: &[&'static str], random: &mut impl Rng) -> &'static str {
    words.choose(random).copied().unwrap_or_default()
}
