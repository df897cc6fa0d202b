//! What goes to clients, encoded once for all of them.

use bytes::Bytes;

/// What a WebSocket frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    /// The opcode in the low four bits of `byte`, unless it is reserved.
    pub(crate) fn of(byte: u8) -> Option<Self> {
        match byte & 0x0f {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _reserved => None,
        }
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The bit that says that a frame is the last one of its message.
pub(crate) const LAST: u8 = 0x80;

/// An Engine.IO packet as the one unmasked WebSocket frame it is sent in. Behind the header of that
/// frame is what polling sends, so both transports and all receivers share the same memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    wire: Bytes,
    /// Bytes of the header.
    header: u8,
}

impl Frame {
    /// A packet of text, which begins with its type.
    pub(crate) fn text(payload: impl AsRef<str>) -> Self {
        Self::text_of(&[payload.as_ref()])
    }

    /// A packet of text, put together from `parts`.
    pub(crate) fn text_of(parts: &[&str]) -> Self {
        Self::encode(Opcode::Text, parts)
    }

    /// A message of bytes, which has no type in front.
    pub(crate) fn binary(payload: &[u8]) -> Self {
        Self::encode(Opcode::Binary, &[payload])
    }

    pub(crate) fn encode<P: AsRef<[u8]>>(opcode: Opcode, parts: &[P]) -> Self {
        let length = parts.iter().map(|part| part.as_ref().len()).sum();
        let header = header_length(length);
        let mut wire = Vec::with_capacity(usize::from(header) + length);
        wire.push(LAST | opcode as u8);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..126), _) => wire.push(short),
            (_, Ok(medium)) => {
                wire.push(126);
                wire.extend_from_slice(&medium.to_be_bytes());
            }
            _long => {
                wire.push(127);
                wire.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        for part in parts {
            wire.extend_from_slice(part.as_ref());
        }
        Self {
            wire: wire.into(),
            header,
        }
    }

    /// What a WebSocket sends.
    pub(crate) fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// What is left of it without the WebSocket.
    pub(crate) fn payload(&self) -> &[u8] {
        self.wire
            .get(usize::from(self.header)..)
            .unwrap_or_default()
    }

    /// Whether the payload is bytes, which polling has to send as base64.
    pub(crate) fn is_binary(&self) -> bool {
        self.wire.first().copied().and_then(Opcode::of) == Some(Opcode::Binary)
    }

    /// Bytes on the wire of a WebSocket.
    pub(crate) fn len(&self) -> usize {
        self.wire.len()
    }
}

fn header_length(payload: usize) -> u8 {
    match payload {
        ..126 => 2,
        126..=0xffff => 4,
        _long => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_shortest_header_that_holds_its_length() {
        let cases: [(usize, &[u8]); 6] = [
            (0, &[0x81, 0]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (0xffff, &[0x81, 126, 0xff, 0xff]),
            (0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (1_000_000, &[0x81, 127, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40]),
        ];
        for (length, header) in cases {
            let frame = Frame::text("x".repeat(length));
            assert_eq!(&frame.wire()[..header.len()], header, "{length}");
            assert_eq!(frame.payload().len(), length);
            assert_eq!(frame.len(), header.len() + length);
        }
    }

    #[test]
    fn a_frame_is_text_or_binary_and_shares_its_memory() {
        let frame = Frame::binary(&[1, 2, 3]);
        assert!(frame.is_binary());
        assert_eq!(frame.payload(), [1, 2, 3]);
        assert_eq!(frame.wire().as_ptr(), frame.clone().wire().as_ptr());
        let text = Frame::text_of(&["4", "2", r#"["a"]"#]);
        assert!(!text.is_binary());
        assert_eq!(text.payload(), br#"42["a"]"#);
    }
}
