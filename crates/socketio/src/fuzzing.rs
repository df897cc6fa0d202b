//! The parsers, as the targets in `fuzz/` call them. Any bytes have to be read or refused, and what
//! was read has to be the same when it is read in another way.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    Args, Message, engine,
    packet::{Assembler, Packet, PacketKind, PacketLimits},
    websocket::{Decoder, Incoming, ProtocolError},
};

const MAX_MESSAGE: usize = 1000;
const LIMITS: PacketLimits = PacketLimits {
    attachments: 3,
    bytes: MAX_MESSAGE,
};

/// Reads WebSocket frames, at once and in pieces as large as the first byte says.
pub fn websocket_frames(data: &[u8]) {
    if let Some((&size, bytes)) = data.split_first() {
        let size = usize::from(size).max(1);
        assert_eq!(decode(bytes, size), decode(bytes, bytes.len().max(1)));
    }
}

fn decode(bytes: &[u8], size: usize) -> (Vec<Incoming>, Result<(), ProtocolError>) {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let mut out = Vec::new();
    let mut bytes = bytes.to_vec();
    let mut pieces = bytes.chunks_mut(size);
    let result = pieces.try_for_each(|piece| decoder.feed(piece, &mut out));
    (out, result)
}

/// Reads the body of a polling request and the packets in it.
pub fn packets(data: &[u8]) {
    let Ok(messages) = engine::decode_payload(&Bytes::copy_from_slice(data), 20) else {
        return;
    };
    let mut assembler = Assembler::default();
    for message in messages {
        let packet = match message {
            engine::Packet::Text(text) => assembler.text(&text, LIMITS),
            engine::Packet::Binary(bytes) => assembler.binary(bytes, LIMITS),
            _other => continue,
        };
        match packet {
            Ok(Some(packet)) => pass_on(packet),
            Ok(None) => {}
            Err(_refused) => return,
        }
    }
}

/// What was read can be sent, and read again.
fn pass_on(packet: Packet) {
    let PacketKind::Event { name, args, .. } = packet.kind else {
        return;
    };
    let mut message = Message::event(&name);
    for argument in arguments(&args) {
        match message.with(&argument) {
            Ok(more) => message = more,
            Err(error) => unreachable!("{error}"),
        }
    }
    let encoded = message.encode();
    let text = encoded.frames().next().map(|frame| frame.payload());
    let text = Bytes::copy_from_slice(text.and_then(|text| text.get(1..)).unwrap_or_default());
    let unlimited = PacketLimits {
        bytes: usize::MAX,
        ..LIMITS
    };
    let mut again = Assembler::default();
    match again
        .text(&text, unlimited)
        .map(|packet| packet.map(|packet| packet.kind))
    {
        Ok(Some(PacketKind::Event {
            name: same_name,
            args: same,
            ..
        })) => {
            assert_eq!(same_name, name);
            let texts = |args| arguments(args).iter().map(ToString::to_string).collect();
            let (read, sent): (Vec<_>, Vec<_>) = (texts(&same), texts(&args));
            assert_eq!(read, sent);
        }
        other => unreachable!("{other:?}"),
    }
}

fn arguments(args: &Args) -> Vec<Box<RawValue>> {
    let arguments = (0..args.len()).map(|index| args.get(index));
    arguments.filter_map(Result::ok).collect()
}
