//! `anufy dlq`: what lies with the dead letters, and what becomes of it.

mod decide;
mod list;

pub(crate) use decide::{Fate, decide};
pub(crate) use list::list;

const UNREACHABLE: &str = "the dead letters could not be read";

/// A word of a dead letter as it may stand in a line: whoever wrote it need
/// not have been one of us.
fn printable(word: &str) -> String {
    if word.is_empty() {
        return "-".to_owned();
    }
    let shown = word.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_in_its_line() {
        assert_eq!(printable("so\nit\tis \u{1b}[31m ❤️"), "so it is  [31m ❤️");
        assert_eq!(printable(""), "-");
    }
}
