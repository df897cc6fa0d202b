use std::mem;

use bytes::Bytes;

use super::{Incoming, ProtocolError, header::Header, mask::unmask};
use crate::frame::Opcode;

/// Makes messages of the bytes of a connection, in whatever pieces they come. Between two messages
/// it owns no memory.
#[derive(Debug)]
pub(crate) struct Decoder {
    max_message: usize,
    /// A frame of which more has to come, still masked.
    partial: Vec<u8>,
    /// A message of which more frames have to come.
    fragments: Option<Box<Fragments>>,
    /// Nothing counts after a close frame (section 5.5.1).
    closed: bool,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    payload: Vec<u8>,
}

impl Decoder {
    /// Refuses messages of more than `max_message` bytes.
    pub(crate) fn new(max_message: usize) -> Self {
        Self {
            max_message,
            partial: Vec::new(),
            fragments: None,
            closed: false,
        }
    }

    /// Takes what was read, and adds to `out` what is complete with it. What has come before an
    /// error is in `out`; after it the decoder is of no more use.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &mut [u8],
        out: &mut Vec<Incoming>,
    ) -> Result<(), ProtocolError> {
        while !bytes.is_empty() && !self.closed {
            bytes = if self.partial.is_empty() {
                self.frame_within(bytes, out)?
            } else {
                self.rest_of_frame(bytes, out)?
            };
        }
        Ok(())
    }

    /// Takes the frame at the start of `bytes`; what is left of them.
    fn frame_within<'a>(
        &mut self,
        bytes: &'a mut [u8],
        out: &mut Vec<Incoming>,
    ) -> Result<&'a mut [u8], ProtocolError> {
        if let Some(header) = Header::parse(bytes)? {
            let size = header.size + self.admit(&header)?;
            if size <= bytes.len() {
                let (frame, rest) = bytes.split_at_mut(size);
                self.take_frame(&header, frame, out)?;
                return Ok(rest);
            }
        }
        self.partial.extend_from_slice(bytes);
        Ok(&mut [])
    }

    /// Adds what belongs to the frame that has come in part; what is left of `bytes`.
    fn rest_of_frame<'a>(
        &mut self,
        bytes: &'a mut [u8],
        out: &mut Vec<Incoming>,
    ) -> Result<&'a mut [u8], ProtocolError> {
        let header = Header::parse(&self.partial)?;
        let missing = match &header {
            Some(header) => header.size + self.admit(header)? - self.partial.len(),
            // Where a header ends is seen when it does.
            None => 1,
        };
        let (next, rest) = bytes.split_at_mut(missing.min(bytes.len()));
        self.partial.extend_from_slice(next);
        match Header::parse(&self.partial)? {
            Some(header) if self.partial.len() == header.size + self.admit(&header)? => {
                let mut frame = mem::take(&mut self.partial);
                self.take_frame(&header, &mut frame, out)?;
            }
            _incomplete => {}
        }
        Ok(rest)
    }

    /// May this frame come now? The bytes of its payload.
    fn admit(&self, header: &Header) -> Result<usize, ProtocolError> {
        let begun = match (header.opcode, &self.fragments) {
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(ProtocolError::ExpectedContinuation);
            }
            (Opcode::Continuation, Some(fragments)) => fragments.payload.len(),
            _whole => 0,
        };
        let payload = usize::try_from(header.payload).map_err(|_wide| ProtocolError::TooBig)?;
        if !header.opcode.is_control() && payload > self.max_message.saturating_sub(begun) {
            return Err(ProtocolError::TooBig);
        }
        Ok(payload)
    }

    fn take_frame(
        &mut self,
        header: &Header,
        frame: &mut [u8],
        out: &mut Vec<Incoming>,
    ) -> Result<(), ProtocolError> {
        let payload = frame.get_mut(header.size..).unwrap_or_default();
        unmask(payload, header.mask);
        let incoming = match header.opcode {
            Opcode::Continuation => match self.continued(payload, header.last) {
                Some(fragments) => message(fragments.is_text, fragments.payload.into())?,
                None => return Ok(()),
            },
            Opcode::Text | Opcode::Binary if !header.last => {
                self.fragments = Some(Box::new(Fragments {
                    is_text: header.opcode == Opcode::Text,
                    payload: payload.to_vec(),
                }));
                return Ok(());
            }
            Opcode::Text => message(true, Bytes::copy_from_slice(payload))?,
            Opcode::Binary => Incoming::Binary(Bytes::copy_from_slice(payload)),
            Opcode::Ping => Incoming::Ping(Bytes::copy_from_slice(payload)),
            Opcode::Pong => Incoming::Pong,
            Opcode::Close => {
                self.closed = true;
                Incoming::Close(close_code(payload)?)
            }
        };
        out.push(incoming);
        Ok(())
    }

    /// The message that `payload` continues, if it is complete with that.
    fn continued(&mut self, payload: &[u8], last: bool) -> Option<Box<Fragments>> {
        let mut fragments = self.fragments.take()?;
        fragments.payload.extend_from_slice(payload);
        if last {
            return Some(fragments);
        }
        self.fragments = Some(fragments);
        None
    }
}

fn message(is_text: bool, payload: Bytes) -> Result<Incoming, ProtocolError> {
    if !is_text {
        return Ok(Incoming::Binary(payload));
    }
    match str::from_utf8(&payload) {
        Ok(_) => Ok(Incoming::Text(payload)),
        Err(_) => Err(ProtocolError::InvalidUtf8),
    }
}

/// The code of a close frame (section 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, ProtocolError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload
        .split_first_chunk()
        .ok_or(ProtocolError::InvalidClose)?;
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(ProtocolError::InvalidClose);
    }
    match str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(ProtocolError::InvalidUtf8),
    }
}

#[cfg(test)]
mod tests;
