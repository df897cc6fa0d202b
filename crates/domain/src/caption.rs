//! What a text says beyond its words: hashtags and mentions.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    USERNAME_MAX, USERNAME_MIN,
    rules::{RuleViolation, violation},
    search_words::fold,
};

/// Longest caption, in characters.
pub const CAPTION_MAX: usize = 2_200;
/// Most hashtags of a text.
pub const HASHTAGS_MAX: usize = 30;
/// Most accounts mentioned in a text.
pub const MENTIONS_MAX: usize = 20;
/// Longest hashtag, in characters.
const HASHTAG_MAX: usize = 100;

/// The text of a post or reel, with what it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    text: String,
    hashtags: Vec<String>,
    mentions: Vec<String>,
}

impl Caption {
    /// Takes a text as a person typed it, up to 2,200 characters with up to 30
    /// hashtags and 20 mentions.
    pub fn parse(text: &str) -> Result<Self, RuleViolation> {
        let text = text.trim();
        if text.chars().count() > CAPTION_MAX {
            return violation(format!("must be at most {CAPTION_MAX} characters long"));
        }
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r')
        {
            return violation("must not contain control characters");
        }
        let (hashtags, mentions) = (hashtags(text), mentions(text));
        if hashtags.len() > HASHTAGS_MAX {
            return violation(format!("must have at most {HASHTAGS_MAX} hashtags"));
        }
        if mentions.len() > MENTIONS_MAX {
            return violation(format!("must mention at most {MENTIONS_MAX} accounts"));
        }
        Ok(Self {
            text: text.to_owned(),
            hashtags,
            mentions,
        })
    }

    /// The text, without the blanks around it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Each hashtag once, folded, without `#`, in the order of the text.
    #[must_use]
    pub fn hashtags(&self) -> &[String] {
        &self.hashtags
    }

    /// Each username once, folded, without `@`, in the order of the text.
    #[must_use]
    pub fn mentions(&self) -> &[String] {
        &self.mentions
    }
}

/// The form of a hashtag under which it is stored and found: NFKC and case
/// folding (Unicode, chapter 5.18), so that `#Straße` and `#STRASSE` are one.
#[must_use]
pub fn fold_hashtag(tag: &str) -> String {
    fold(tag)
}

#[expect(clippy::expect_used, reason = "a constant that a test compiles")]
static HASHTAG: LazyLock<Regex> = LazyLock::new(|| {
    // Letters with their marks, digits, underscore, and the joiners of some scripts (UAX #31).
    Regex::new(r"[#＃]([\p{L}\p{M}\p{Nd}_\x{200c}\x{200d}]+)").expect("a valid pattern")
});
#[expect(clippy::expect_used, reason = "a constant that a test compiles")]
static MENTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[@＠]([A-Za-z0-9._]+)").expect("a valid pattern"));

fn hashtags(text: &str) -> Vec<String> {
    let tags = matches(&HASHTAG, text).filter(|tag| {
        let is_word = tag.chars().any(|c| !c.is_numeric() && c != '_');
        is_word && tag.chars().count() <= HASHTAG_MAX
    });
    each_once(tags.map(fold_hashtag))
}

fn mentions(text: &str) -> Vec<String> {
    // A dot at the end belongs to the sentence.
    let names = matches(&MENTION, text)
        .map(|name| name.trim_end_matches('.'))
        .filter(|name| (USERNAME_MIN..=USERNAME_MAX).contains(&name.len()));
    each_once(names.map(str::to_ascii_lowercase))
}

/// What the pattern captures, where no word goes before it: `a#b` is no
/// hashtag and `ana@example.org` no mention.
fn matches<'t>(pattern: &Regex, text: &'t str) -> impl Iterator<Item = &'t str> {
    pattern.captures_iter(text).filter_map(|found| {
        let whole = found.get(0)?;
        let before = text.get(..whole.start())?.chars().next_back();
        let is_apart = before.is_none_or(|c| !(c.is_alphanumeric() || "_&/#@.".contains(c)));
        is_apart.then_some(found.get(1)?.as_str())
    })
}

fn each_once(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashtags_are_words_of_any_script_folded_and_once() {
        for (text, expected) in [
            ("#Rust and #rust, #RUST!", vec!["rust"]),
            ("#Straße #STRASSE", vec!["strasse"]),
            ("#日本語 #हिन्दी #สวัสดี", vec!["日本語", "हिन्दी", "สวัสดี"]),
            ("#ﬁne #fine", vec!["fine"]),
            ("(#in_brackets) #a1", vec!["in_brackets", "a1"]),
            ("a#b &#39; /#x ##y #2026 #_ # no", vec![]),
            ("#one#two", vec!["one"]),
        ] {
            assert_eq!(hashtags(text), expected, "{text}");
        }
        assert_eq!(
            hashtags(&format!("#{}", "a".repeat(101))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn mentions_are_usernames_folded_and_once() {
        for (text, expected) in [
            ("hi @Ana, @bo.b. and @ana!", vec!["ana", "bo.b"]),
            ("mail ana@example.org or x.@abc", vec![]),
            ("@ab @abcdefghijabcdefghijabcdefghijk", vec![]),
            ("(@ana_1)\n@Ana_1", vec!["ana_1"]),
        ] {
            assert_eq!(mentions(text), expected, "{text}");
        }
    }

    #[test]
    fn a_caption_is_bounded() {
        assert!(Caption::parse(&"ä".repeat(CAPTION_MAX)).is_ok());
        assert!(Caption::parse(&"ä".repeat(CAPTION_MAX + 1)).is_err());
        assert!(Caption::parse("a\u{0}b").is_err());
        let many = |prefix: &str, count: usize| -> String {
            let words: Vec<String> = (0..count).map(|n| format!("{prefix}tag{n}")).collect();
            words.join(" ")
        };
        assert!(Caption::parse(&many("#", HASHTAGS_MAX)).is_ok());
        assert!(Caption::parse(&many("#", HASHTAGS_MAX + 1)).is_err());
        assert!(Caption::parse(&many("@", MENTIONS_MAX)).is_ok());
        assert!(Caption::parse(&many("@", MENTIONS_MAX + 1)).is_err());
        assert_eq!(Caption::parse("  a\nb ").unwrap().text(), "a\nb");
    }
}
