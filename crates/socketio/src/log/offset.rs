use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A place in a log, written `epoch:position`.
///
/// Epochs of one log only grow, so offsets of it compare as the events do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    /// Which life of the log.
    pub epoch: u64,
    /// Which event of that life; the next one has the next position.
    pub position: u64,
}

/// Text that is no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an offset")]
pub struct OffsetError;

impl Offset {
    /// Whether this is the place right behind `other`, of the same life.
    #[must_use]
    pub fn follows(self, other: Self) -> bool {
        self.epoch == other.epoch && other.position.checked_add(1) == Some(self.position)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.position)
    }
}

impl FromStr for Offset {
    type Err = OffsetError;

    /// Only the one way in which an offset is written: what a client sends may
    /// be any string that an event happened to end with.
    fn from_str(text: &str) -> Result<Self, OffsetError> {
        let (epoch, position) = text.split_once(':').ok_or(OffsetError)?;
        Ok(Self {
            epoch: canonical(epoch)?,
            position: canonical(position)?,
        })
    }
}

fn canonical(digits: &str) -> Result<u64, OffsetError> {
    let is_canonical = digits == "0" || digits.starts_with(|first| matches!(first, '1'..='9'));
    let number = digits.parse().ok().filter(|_| is_canonical);
    number.ok_or(OffsetError)
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_as_it_is_written() {
        for (epoch, position) in [(0, 0), (1, 10), (1_763_905_218_000_000, u64::MAX)] {
            let offset = Offset { epoch, position };
            assert_eq!(offset.to_string().parse(), Ok(offset));
        }
    }

    #[test]
    fn an_offset_written_in_another_way_is_none() {
        let wrong = [
            "",
            ":",
            "1",
            "1:",
            ":1",
            "1:2:3",
            "01:2",
            "1:02",
            "00:1",
            "+1:2",
            "1:+2",
            "-1:2",
            " 1:2",
            "1:2 ",
            "1: 2",
            "1:2\n",
            "1:2x",
            "1-2",
            "١:٢",
            "1:18446744073709551616",
            "hello",
            "hello:there",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Offset>(), Err(OffsetError), "{text:?}");
        }
    }

    #[test]
    fn the_next_place_is_of_the_same_life() {
        let at = |epoch, position| Offset { epoch, position };
        assert!(at(1, 2).follows(at(1, 1)));
        assert!(!at(1, 1).follows(at(1, 1)));
        assert!(!at(1, 3).follows(at(1, 1)));
        assert!(!at(2, 2).follows(at(1, 1)));
        assert!(!at(1, 0).follows(at(1, u64::MAX)));
    }
}
