//! The value of an intent, as `layers.lua` describes it.

use domain::{Reaction, Timestamp};

use super::Intent;

/// The word for what is wanted. A reaction has no space in it.
pub(super) fn state(reaction: Option<&Reaction>) -> String {
    reaction.map_or_else(|| "-".to_owned(), |reaction| format!("+{reaction}"))
}

/// What holds: the newest layer that is confirmed, or may still be because it
/// was accepted after `counts_from`.
pub(super) fn newest(text: &str, counts_from: Timestamp) -> Option<Intent> {
    let mut words = text.split(' ');
    loop {
        let version = words.next()?.parse().ok()?;
        let phase = words.next()?;
        let at = Timestamp::from_millis(words.next()?.parse().ok()?);
        let state = words.next()?;
        if phase == "u" && at <= counts_from {
            continue;
        }
        let reaction = match state.strip_prefix('+') {
            Some(text) => Some(Reaction::parse(text).ok()?),
            None => None,
        };
        return Some(Intent {
            version,
            at,
            reaction,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(i64, Option<String>)> {
        let intent = newest(text, Timestamp::from_millis(100))?;
        let reaction = intent.reaction.map(|reaction| reaction.to_string());
        Some((intent.version, reaction))
    }

    #[test]
    fn what_was_never_confirmed_gives_way_to_what_was() {
        let heart = Some("❤️".to_owned());
        assert_eq!(read("9 u 101 -"), Some((9, None)));
        assert_eq!(read("9 u 100 -"), None);
        assert_eq!(read("9 u 100 - 8 c 1 +❤️"), Some((8, heart.clone())));
        assert_eq!(read("9 u 100 - 8 u 99 - 7 a 1 +❤️"), Some((7, heart)));
    }

    #[test]
    fn any_reaction_is_a_word() {
        for text in ["👨‍👩‍👧‍👦", "+", "-", "c", "7"] {
            let reaction = Reaction::parse(text).unwrap();
            let layer = format!("1 c 1 {}", state(Some(&reaction)));
            assert_eq!(read(&layer), Some((1, Some(text.to_owned()))));
        }
    }

    #[test]
    fn what_is_no_intent_is_none() {
        for text in ["", "1", "1 c 1", "x c 1 -", "1 c 1 +ab"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
