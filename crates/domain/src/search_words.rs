//! The words under which a text is found.

use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Most words of a text that it can be found by.
pub const SEARCH_WORDS_MAX: usize = 64;
/// Characters of a word that tell it from others: of a longer one, the first.
pub const SEARCH_WORD_MAX: usize = 32;

/// The words of a text (UAX #29), each folded as hashtags are and once, in the
/// order of the text: the first [`SEARCH_WORDS_MAX`], of each the first
/// [`SEARCH_WORD_MAX`] characters.
///
/// What is stored and what is asked for go through it alike, so that a word
/// begins with another exactly if their folded forms do. Scripts without blanks
/// between words (Chinese, Thai) come apart into characters.
#[must_use]
pub fn search_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in fold(text).unicode_words() {
        let word: String = word.chars().take(SEARCH_WORD_MAX).collect();
        if !words.contains(&word) {
            words.push(word);
        }
        if words.len() == SEARCH_WORDS_MAX {
            break;
        }
    }
    words
}

/// NFKC and case folding (Unicode, chapter 5.18): texts that people take for
/// the same become the same.
pub(crate) fn fold(text: &str) -> String {
    let folded = default_case_fold_str(&text.nfkc().collect::<String>());
    folded.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_script_are_folded_and_once() {
        for (text, expected) in [
            ("Ana & ANA, ana!", vec!["ana"]),
            ("Straße STRASSE ﬁne", vec!["strasse", "fine"]),
            (
                "don't stop-now @bo.b #Rust",
                vec!["don't", "stop", "now", "bo.b", "rust"],
            ),
            ("Дарья 2026", vec!["дарья", "2026"]),
            ("日本 हिन्दी", vec!["日", "本", "हिन्दी"]),
            (" … 🙂 ", vec![]),
        ] {
            assert_eq!(search_words(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_bounded_in_number_and_length() {
        let many: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        assert_eq!(search_words(&many.join(" ")), many[..SEARCH_WORDS_MAX]);
        let long = "ä".repeat(SEARCH_WORD_MAX + 1);
        assert_eq!(search_words(&long), ["ä".repeat(SEARCH_WORD_MAX)]);
    }
}
