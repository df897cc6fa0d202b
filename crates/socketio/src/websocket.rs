//! The server's side of the WebSocket protocol (RFC 6455), without extensions, and without a
//! connection: bytes in, messages out.

mod decoder;
mod handshake;
mod header;
mod mask;

use bytes::Bytes;

pub(crate) use decoder::Decoder;
pub(crate) use handshake::{HandshakeError, accept_key};

use crate::frame::{Frame, Opcode};

/// Bytes of a control frame's payload at most (section 5.5).
const MAX_CONTROL: usize = 125;

/// What a client has sent, fragments put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// UTF-8.
    Text(Bytes),
    Binary(Bytes),
    /// To be answered with [`pong_frame`].
    Ping(Bytes),
    Pong,
    /// The client closes, with its code if it gives one; nothing comes after it.
    Close(Option<u16>),
}

/// Why something is not a WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("a reserved bit is set")]
    ReservedBits,
    #[error("a reserved opcode")]
    ReservedOpcode,
    #[error("a frame that is not masked")]
    Unmasked,
    #[error("a length that is not written in the shortest way")]
    LongLength,
    #[error("a control frame in fragments")]
    FragmentedControl,
    #[error("a control frame of more than 125 bytes")]
    LongControl,
    #[error("a continuation of nothing")]
    UnexpectedContinuation,
    #[error("a message within the fragments of another")]
    ExpectedContinuation,
    #[error("a close frame without a valid code")]
    InvalidClose,
    #[error("text that is not UTF-8")]
    InvalidUtf8,
    #[error("a message over the limit")]
    TooBig,
}

impl ProtocolError {
    /// How the connection is closed for it (section 7.4.1).
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::Unmasked
            | Self::LongLength
            | Self::FragmentedControl
            | Self::LongControl
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::InvalidClose => 1002,
            Self::InvalidUtf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// The end of a connection. Of `reason` as much as a control frame can hold is said.
pub(crate) fn close_frame(code: u16, reason: &str) -> Frame {
    let code = code.to_be_bytes();
    let said = reason.floor_char_boundary(MAX_CONTROL - code.len());
    let reason = reason.get(..said).unwrap_or_default();
    Frame::encode(Opcode::Close, &[&code, reason.as_bytes()])
}

/// The answer to a ping.
pub(crate) fn pong_frame(payload: &[u8]) -> Frame {
    Frame::encode(Opcode::Pong, &[payload])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_frames_are_written_as_the_protocol_says() {
        assert_eq!(close_frame(1001, "bye").wire(), &b"\x88\x05\x03\xe9bye"[..]);
        assert_eq!(pong_frame(b"x").wire(), &b"\x8a\x01x"[..]);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = close_frame(1000, &"é".repeat(100));
        assert_eq!(frame.payload().len(), 2 + 122);
        assert!(str::from_utf8(&frame.payload()[2..]).is_ok());
    }
}
