//! Names of sessions and sockets: secrets that nobody can guess.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of randomness in an id; 20 characters of base64.
const BYTES: usize = 15;
const CHARACTERS: usize = 20;

/// The id of a socket, as its client knows it: 20 characters of `A-Za-z0-9_-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketId([u8; BYTES]);

impl SocketId {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// The id that `text` shows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == BYTES && text.len() == CHARACTERS).then_some(Self(bytes))
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// A new id of a session, behind the name of the replica if a proxy gave it one.
pub(crate) fn session_id(prefix: Option<&str>) -> Box<str> {
    let id = SocketId::random();
    match prefix {
        Some(prefix) => format!("{prefix}.{id}").into(),
        None => id.to_string().into(),
    }
}

/// May a proxy call a replica so?
pub(crate) fn is_prefix(text: &str) -> bool {
    (1..=16).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_it_shows() {
        let id = SocketId::random();
        let shown = id.to_string();
        assert_eq!(shown.len(), CHARACTERS);
        assert_eq!(SocketId::parse(&shown), Some(id));
        for wrong in ["", "short", "with spaces and such", &format!("{shown}A")] {
            assert_eq!(SocketId::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_short_word() {
        assert!(is_prefix("a1") && is_prefix("0123456789abcdef"));
        for wrong in ["", "A", "a.b", "0123456789abcdef0", "ä"] {
            assert!(!is_prefix(wrong), "{wrong:?}");
        }
        assert!(session_id(Some("a1")).starts_with("a1."));
    }
}
