//! Entries of the streams, and how they show that none is missing.

use std::collections::HashMap;

use crate::log::{LogError, LoggedEvent, Offset, OffsetError};

/// As Redis hands it out: its id, and its fields.
pub(super) type Entry = (String, HashMap<String, String>);

/// A stream had an entry that is no event.
#[derive(Debug, thiserror::Error)]
#[error("an entry of the stream has no arguments")]
struct NoArguments;

/// The id of the entry at this place.
pub(super) fn stream_id(offset: Offset) -> String {
    format!("{}-{}", offset.epoch, offset.position)
}

/// The place of the entry with this id.
pub(super) fn offset(stream_id: &str) -> Result<Offset, LogError> {
    let parse = || {
        let (epoch, position) = stream_id.split_once('-')?;
        Some(Offset {
            epoch: epoch.parse().ok()?,
            position: position.parse().ok()?,
        })
    };
    parse().ok_or_else(|| LogError::Corrupt(OffsetError.into()))
}

/// The events behind `after`, if `entries` (those from `after` on, as far as
/// they are still there) show that none is missing: each has the position after
/// the one before it, or names that as the one it follows.
pub(super) fn chain(
    after: Offset,
    entries: Vec<Entry>,
) -> Result<Option<Vec<(Offset, LoggedEvent)>>, LogError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let mut events = Vec::with_capacity(entries.len());
    let mut last = after;
    for (id, mut fields) in entries {
        let at = offset(&id)?;
        if at == after {
            continue;
        }
        let follows = fields.remove("follows");
        let follows = follows.as_deref().map(offset).transpose()?;
        if !at.follows(last) && follows != Some(last) {
            return Ok(None);
        }
        last = at;
        let event = LoggedEvent {
            args: fields
                .remove("args")
                .ok_or_else(|| LogError::Corrupt(NoArguments.into()))?,
            except: fields.remove("except"),
        };
        events.push((at, event));
    }
    Ok(Some(events))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn entry(id: &str, follows: Option<&str>) -> Entry {
        let mut fields = HashMap::from([("args".to_owned(), format!("[\"{id}\"]"))]);
        fields.extend(follows.map(|id| ("follows".to_owned(), id.to_owned())));
        (id.to_owned(), fields)
    }

    fn opening(id: &str) -> Entry {
        (
            id.to_owned(),
            HashMap::from([("open".to_owned(), "1".to_owned())]),
        )
    }

    fn read(after: &str, entries: Vec<Entry>) -> Option<Vec<String>> {
        let events = chain(after.parse().unwrap(), entries).unwrap()?;
        Some(events.iter().map(|(at, _)| at.to_string()).collect())
    }

    #[test]
    fn entries_without_a_hole_are_complete() {
        let behind_the_opening = vec![opening("7-0"), entry("7-1", None), entry("7-2", None)];
        assert_eq!(read("7:0", behind_the_opening).unwrap(), ["7:1", "7:2"]);
        let its_own_is_trimmed = vec![entry("7-4", None), entry("7-5", None)];
        assert_eq!(read("7:3", its_own_is_trimmed).unwrap(), ["7:4", "7:5"]);
        assert!(read("7:3", vec![entry("7-3", None)]).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_shown_to_follow_is_a_gap() {
        assert_eq!(read("7:3", vec![]), None, "beyond the head, or no log");
        assert_eq!(read("7:3", vec![entry("7-5", None)]), None, "trimmed");
        assert_eq!(
            read("7:3", vec![opening("9-0"), entry("9-1", None)]),
            None,
            "another log"
        );
        let hole = vec![entry("7-3", None), entry("7-5", None)];
        assert_eq!(read("7:3", hole), None, "a hole");
    }

    #[test]
    fn a_new_epoch_goes_on_for_those_who_had_what_it_follows() {
        let restarted = || vec![entry("8-0", Some("7-3")), entry("8-1", None)];
        assert_eq!(read("7:3", restarted()).unwrap(), ["8:0", "8:1"]);
        assert_eq!(read("7:4", restarted()), None, "had what was forgotten");
        assert_eq!(read("7:2", restarted()), None, "had not what it follows");
        let mut before = vec![entry("7-2", None), entry("7-3", None)];
        before.extend(restarted());
        assert_eq!(read("7:2", before).unwrap(), ["7:3", "8:0", "8:1"]);
    }

    #[test]
    fn an_entry_of_somebody_else_is_no_event() {
        let error =
            chain("7:0".parse().unwrap(), vec![opening("7-0"), opening("7-1")]).unwrap_err();
        assert!(matches!(error, LogError::Corrupt(_)), "{error:?}");
    }
}
