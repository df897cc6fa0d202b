use super::{MAX_CONTROL, ProtocolError};
use crate::frame::{LAST, Opcode};

const RESERVED_BITS: u8 = 0x70;
const MASKED: u8 = 0x80;

/// The header of a frame that a client sends (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    /// The last frame of its message.
    pub(super) last: bool,
    pub(super) mask: [u8; 4],
    /// Bytes of the header itself.
    pub(super) size: usize,
    /// Bytes of the payload, as the client says.
    pub(super) payload: u64,
}

impl Header {
    /// The header at the start of `bytes`, or `None` as long as more bytes have to come. What is
    /// wrong with it is said as soon as it can be seen.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        if first & RESERVED_BITS != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let opcode = Opcode::of(first).ok_or(ProtocolError::ReservedOpcode)?;
        let last = first & LAST != 0;
        if opcode.is_control() && !last {
            return Err(ProtocolError::FragmentedControl);
        }
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            return Err(ProtocolError::Unmasked);
        }
        let short = second & !MASKED;
        if opcode.is_control() && usize::from(short) > MAX_CONTROL {
            return Err(ProtocolError::LongControl);
        }
        let Some((payload, rest)) = length(short, rest)? else {
            return Ok(None);
        };
        let Some((mask, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode,
            last,
            mask: *mask,
            size: bytes.len() - rest.len(),
            payload,
        }))
    }
}

/// The length of the payload, and what follows it.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (length, least, rest) = match short {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from(u16::from_be_bytes(*length)), 126, rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*length), 0x1_0000, rest)
        }
        short => (u64::from(short), 0, rest),
    };
    if length < least {
        return Err(ProtocolError::LongLength);
    }
    Ok(Some((length, rest)))
}
