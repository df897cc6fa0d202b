//! Which replica a request of an Engine.IO session is for.
//!
//! A session lives in the memory of one replica. The gateway tells the replica
//! its tag with the handshake, the replica begins the session's id with it, and
//! whoever forwards a later request reads it there: gateways share no table and
//! remember nothing.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// Tells a replica how the ids of its sessions begin.
pub(crate) const REPLICA: HeaderName = HeaderName::from_static("x-anufy-replica");

/// Bytes of the digest that a tag shows: two of a thousand replicas share one
/// with a probability of 2⁻²⁹.
const TAG_BYTES: usize = 6;

/// What the choice of a replica depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affinity<'a> {
    /// Nothing but load.
    None,
    /// Nothing but load, and then the session stays.
    Handshake,
    /// The session is on the replica with this tag, if that is still there.
    Session(&'a str),
}

impl<'a> Affinity<'a> {
    /// Of a request with this query, on a route that has sessions. An id that
    /// is given twice, or without a tag, is none: which of them the service
    /// would believe is not ours to guess.
    pub(crate) fn of_session(query: Option<&'a str>) -> Self {
        let mut ids = query
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.strip_prefix("sid="));
        match (ids.next().and_then(|id| id.split_once('.')), ids.next()) {
            (Some((tag, rest)), None) if !tag.is_empty() && !rest.is_empty() => Self::Session(tag),
            _ => Self::Handshake,
        }
    }
}

/// The tag of the replica at `address`, the same in every gateway: the
/// beginning of the SHA-256 of its address, as a number.
pub(crate) fn tag_of(address: SocketAddr) -> HeaderValue {
    let digest = Sha256::digest(address.to_string());
    let bytes = digest.iter().take(TAG_BYTES);
    HeaderValue::from(bytes.fold(0_u64, |tag, byte| tag << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_names_its_replica() {
        for (query, affinity) in [
            (
                "EIO=4&transport=polling&sid=0a1b.x-Y_z",
                Affinity::Session("0a1b"),
            ),
            ("sid=0a1b.x&transport=websocket", Affinity::Session("0a1b")),
            ("EIO=4&transport=polling", Affinity::Handshake),
            ("", Affinity::Handshake),
            ("sid=", Affinity::Handshake),
            ("sid=x", Affinity::Handshake),
            ("sid=.x", Affinity::Handshake),
            ("sid=a.x&sid=b.x", Affinity::Handshake),
            ("sid=a.x&sid=", Affinity::Handshake),
            ("xsid=a.x", Affinity::Handshake),
        ] {
            assert_eq!(Affinity::of_session(Some(query)), affinity, "{query}");
        }
        assert_eq!(Affinity::of_session(None), Affinity::Handshake);
    }

    #[test]
    fn tags_are_short_words_of_their_own() {
        let tag = |address: &str| tag_of(address.parse().unwrap());
        let one = tag("10.0.0.1:8100");
        assert_eq!(one, tag("10.0.0.1:8100"));
        assert_ne!(one, tag("10.0.0.2:8100"));
        assert_ne!(one, tag("10.0.0.1:8101"));
        assert!((1..=16).contains(&one.len()));
        assert!(one.as_bytes().iter().all(u8::is_ascii_digit));
    }
}
