//! Packets of Engine.IO, version 4, as WebSocket messages and as bodies of polling requests.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::json;

use crate::frame::Frame;

/// Between the packets of one body.
const SEPARATOR: u8 = 0x1e;
/// In front of a binary message in a body, which follows as base64.
const BASE64: u8 = b'b';

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Close,
    /// Only to ask whether a new transport works: heartbeats go the other way.
    Ping(Bytes),
    Pong(Bytes),
    /// A message of text: a Socket.IO packet.
    Text(Bytes),
    /// A message of bytes: an attachment of a Socket.IO packet.
    Binary(Bytes),
    Upgrade,
    Noop,
}

/// Why something is not Engine.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("an empty packet")]
    Empty,
    #[error("an unknown type of packet")]
    UnknownType,
    #[error("an open packet, which only servers send")]
    Open,
    #[error("a payload where none belongs")]
    UnexpectedPayload,
    #[error("a body that is not UTF-8")]
    Utf8,
    #[error("a binary message that is not base64")]
    Base64,
    #[error("too many packets in one body")]
    TooManyPackets,
}

/// Reads a WebSocket message of text.
pub(crate) fn decode_text(mut text: Bytes) -> Result<Packet, EngineError> {
    if text.is_empty() {
        return Err(EngineError::Empty);
    }
    let kind = text.split_to(1);
    match kind.as_ref() {
        b"0" => Err(EngineError::Open),
        b"1" => bare(Packet::Close, &text),
        b"2" => Ok(Packet::Ping(text)),
        b"3" => Ok(Packet::Pong(text)),
        b"4" => Ok(Packet::Text(text)),
        b"5" => bare(Packet::Upgrade, &text),
        b"6" => bare(Packet::Noop, &text),
        _unknown => Err(EngineError::UnknownType),
    }
}

fn bare(packet: Packet, payload: &Bytes) -> Result<Packet, EngineError> {
    if payload.is_empty() {
        Ok(packet)
    } else {
        Err(EngineError::UnexpectedPayload)
    }
}

/// Reads the body of a polling request, of at most `max_packets` packets.
pub(crate) fn decode_payload(body: &Bytes, max_packets: usize) -> Result<Vec<Packet>, EngineError> {
    let text = str::from_utf8(body).map_err(|_where| EngineError::Utf8)?;
    let mut packets = Vec::new();
    for packet in text.as_bytes().split(|byte| *byte == SEPARATOR) {
        if packets.len() == max_packets {
            return Err(EngineError::TooManyPackets);
        }
        packets.push(match packet.split_first() {
            Some((&BASE64, encoded)) => {
                let bytes = STANDARD.decode(encoded);
                Packet::Binary(bytes.map_err(|_why| EngineError::Base64)?.into())
            }
            _text => decode_text(body.slice_ref(packet))?,
        });
    }
    Ok(packets)
}

/// Writes the body of the answer to a polling request.
pub(crate) fn encode_payload<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Bytes {
    let mut body = Vec::new();
    for (index, frame) in frames.into_iter().enumerate() {
        if index > 0 {
            body.push(SEPARATOR);
        }
        if frame.is_binary() {
            body.push(BASE64);
            body.extend_from_slice(STANDARD.encode(frame.payload()).as_bytes());
        } else {
            body.extend_from_slice(frame.payload());
        }
    }
    body.into()
}

/// The first packet of a session, by which the client learns what it needs to know.
pub(crate) fn open_packet(
    sid: &str,
    ping_interval: Duration,
    ping_timeout: Duration,
    max_payload: usize,
    upgrades: &[&str],
) -> String {
    let payload = json!({
        "sid": sid,
        "upgrades": upgrades,
        "pingInterval": milliseconds(ping_interval),
        "pingTimeout": milliseconds(ping_timeout),
        "maxPayload": max_payload,
    });
    format!("0{payload}")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A heartbeat.
pub(crate) fn ping_frame() -> Frame {
    Frame::text("2")
}

/// The end of a session, for a client that polls.
pub(crate) fn close_frame() -> Frame {
    Frame::text("1")
}

/// What ends the poll that waits while another transport takes over.
pub(crate) fn noop_frame() -> Frame {
    Frame::text("6")
}

/// The answer to the question whether a new transport works.
pub(crate) fn probe_answer() -> Frame {
    Frame::text("3probe")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &'static str) -> Result<Packet, EngineError> {
        decode_text(Bytes::from_static(text.as_bytes()))
    }

    fn payload(body: &'static [u8]) -> Result<Vec<Packet>, EngineError> {
        decode_payload(&Bytes::from_static(body), 4)
    }

    #[test]
    fn a_message_is_one_packet() {
        let bytes = Bytes::from_static;
        assert_eq!(text("1"), Ok(Packet::Close));
        assert_eq!(text("2"), Ok(Packet::Ping(Bytes::new())));
        assert_eq!(text("2probe"), Ok(Packet::Ping(bytes(b"probe"))));
        assert_eq!(text("3"), Ok(Packet::Pong(Bytes::new())));
        assert_eq!(
            text("42[\"é\"]"),
            Ok(Packet::Text(bytes("2[\"é\"]".as_bytes())))
        );
        assert_eq!(text("4"), Ok(Packet::Text(Bytes::new())));
        assert_eq!(text("5"), Ok(Packet::Upgrade));
        assert_eq!(text("6"), Ok(Packet::Noop));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(text(""), Err(EngineError::Empty));
        assert_eq!(text("0{}"), Err(EngineError::Open));
        assert_eq!(text("1x"), Err(EngineError::UnexpectedPayload));
        assert_eq!(text("5x"), Err(EngineError::UnexpectedPayload));
        assert_eq!(text("6x"), Err(EngineError::UnexpectedPayload));
        for unknown in ["7", "é", "b", "bAQ==", " 4", "x"] {
            assert_eq!(text(unknown), Err(EngineError::UnknownType), "{unknown}");
        }
    }

    #[test]
    fn a_body_holds_packets_behind_each_other() {
        let message = |text| Packet::Text(Bytes::from_static(text));
        let binary = |bytes| Packet::Binary(Bytes::from_static(bytes));
        assert_eq!(payload(b"3"), Ok(vec![Packet::Pong(Bytes::new())]));
        assert_eq!(
            payload(b"4a\x1e4b\x1ebAQID\x1e1"),
            Ok(vec![
                message(b"a"),
                message(b"b"),
                binary(b"\x01\x02\x03"),
                Packet::Close
            ])
        );
        assert_eq!(payload(b"b"), Ok(vec![binary(b"")]));
        assert_eq!(payload(b"bAQ=="), Ok(vec![binary(b"\x01")]));
    }

    #[test]
    fn a_body_with_one_bad_packet_is_refused() {
        assert_eq!(payload(b""), Err(EngineError::Empty));
        assert_eq!(payload(b"4a\x1e"), Err(EngineError::Empty));
        assert_eq!(payload(b"\x1e4a"), Err(EngineError::Empty));
        assert_eq!(payload(b"4a\x1e\x1e4b"), Err(EngineError::Empty));
        assert_eq!(payload(b"4a\x1e9"), Err(EngineError::UnknownType));
        assert_eq!(payload(b"4\xff"), Err(EngineError::Utf8));
        assert_eq!(payload(b"b*"), Err(EngineError::Base64));
        assert_eq!(payload(b"bAQ"), Err(EngineError::Base64));
        assert_eq!(
            payload(b"1\x1e1\x1e1\x1e1\x1e1"),
            Err(EngineError::TooManyPackets)
        );
        assert_eq!(
            payload(b"1\x1e1\x1e1\x1e1").map(|packets| packets.len()),
            Ok(4)
        );
    }

    #[test]
    fn the_open_packet_says_what_clients_read() {
        let packet = open_packet(
            "abc",
            Duration::from_secs(25),
            Duration::from_secs(20),
            1_000_000,
            &["websocket"],
        );
        let payload: serde_json::Value =
            serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(
            payload,
            json!({
                "sid": "abc",
                "upgrades": ["websocket"],
                "pingInterval": 25_000,
                "pingTimeout": 20_000,
                "maxPayload": 1_000_000,
            })
        );
    }

    proptest! {
        #[test]
        fn what_a_body_says_is_what_was_put_into_it(
            messages in prop::collection::vec(
                prop_oneof![
                    "[^\u{1e}]{0,20}".prop_map(|text| Packet::Text(text.into())),
                    prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Packet::Binary(bytes.into())),
                ],
                1..10,
            )
        ) {
            let frames: Vec<Frame> = messages.iter().map(|message| match message {
                Packet::Text(text) => Frame::text_of(&["4", str::from_utf8(text).unwrap()]),
                Packet::Binary(bytes) => Frame::binary(bytes),
                other => panic!("{other:?}"),
            }).collect();
            let body = encode_payload(&frames);
            prop_assert_eq!(decode_payload(&body, 10).unwrap(), messages);
        }

        #[test]
        fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = decode_payload(&body.into(), 100);
        }
    }
}
