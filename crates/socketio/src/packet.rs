//! Packets of Socket.IO, version 5, as clients send them.

mod assembler;
mod placeholders;

use bytes::Bytes;
use serde::de::IgnoredAny;

pub(crate) use assembler::Assembler;

use crate::Args;

/// Names that the events of official clients themselves have: nobody else may use them.
const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];
/// The largest id that a client written in JavaScript can count up to.
const MAX_ID: u64 = (1 << 53) - 1;
/// Arrays and objects within each other at most, as many as serde decodes.
const MAX_DEPTH: usize = 127;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) namespace: Namespace,
    pub(crate) kind: PacketKind,
}

impl Packet {
    /// Whether all attachments have come.
    fn is_complete(&self) -> bool {
        match &self.kind {
            PacketKind::Connect(_) | PacketKind::Disconnect => true,
            PacketKind::Event {
                args, attachments, ..
            }
            | PacketKind::Ack {
                args, attachments, ..
            } => args.attachments().len() == *attachments,
        }
    }
}

/// Where a packet belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// `/`
    Main,
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PacketKind {
    /// With the JSON object of the `auth` option.
    Connect(Option<Bytes>),
    Disconnect,
    Event {
        /// By which the client finds the answer it wants.
        id: Option<u64>,
        name: String,
        args: Args,
        /// How many binary messages follow.
        attachments: usize,
    },
    Ack {
        id: u64,
        args: Args,
        /// How many binary messages follow.
        attachments: usize,
    },
}

/// How large packets may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketLimits {
    /// Binary messages that belong to one packet.
    pub(crate) attachments: usize,
    /// Bytes of a packet with all that belongs to it.
    pub(crate) bytes: usize,
}

/// Why something is not Socket.IO.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("an empty packet")]
    Empty,
    #[error("an unknown type of packet")]
    UnknownType,
    #[error("a connect error, which only servers send")]
    ConnectError,
    #[error("an invalid number of attachments")]
    InvalidAttachmentCount,
    #[error("too many attachments")]
    TooManyAttachments,
    #[error("attachments that do not fit their placeholders")]
    MisplacedAttachments,
    #[error("an attachment that was not announced")]
    UnexpectedAttachment,
    #[error("a packet before the last attachment of another")]
    ExpectedAttachment,
    #[error("a packet over the limit with its attachments")]
    TooBig,
    #[error("an invalid namespace")]
    InvalidNamespace,
    #[error("an id over 2^53 - 1")]
    InvalidId,
    #[error("an id where none belongs")]
    UnexpectedId,
    #[error("an answer without an id")]
    MissingId,
    #[error("a payload where none belongs")]
    UnexpectedPayload,
    #[error("a payload that is not what belongs there")]
    InvalidPayload(#[source] serde_json::Error),
    #[error("a payload that is not an object")]
    NotAnObject,
    #[error("a payload nested too deeply")]
    TooDeep,
    #[error("an event with a reserved name")]
    ReservedEvent,
}

/// Reads the text of a message (behind the `4` of Engine.IO).
fn parse(text: &Bytes, max_attachments: usize) -> Result<Packet, PacketError> {
    let (&kind, rest) = text.split_first().ok_or(PacketError::Empty)?;
    let (attachments, rest) = match kind {
        b'5' | b'6' => attachment_count(rest, max_attachments)?,
        _text => (0, rest),
    };
    let (namespace, rest) = namespace(rest)?;
    let (id, rest) = id(rest)?;
    let payload = text.slice_ref(rest);
    let kind = match kind {
        b'0' => connect(id, payload)?,
        b'1' => disconnect(id, &payload)?,
        b'2' | b'5' => event(id, payload, attachments)?,
        b'3' | b'6' => ack(id, payload, attachments)?,
        b'4' => return Err(PacketError::ConnectError),
        _unknown => return Err(PacketError::UnknownType),
    };
    Ok(Packet { namespace, kind })
}

/// The `2-` of a packet with two attachments.
fn attachment_count(text: &[u8], limit: usize) -> Result<(usize, &[u8]), PacketError> {
    let (count, rest) = digits(text);
    let count = count.ok_or(PacketError::InvalidAttachmentCount)?;
    let rest = rest
        .strip_prefix(b"-")
        .ok_or(PacketError::InvalidAttachmentCount)?;
    match usize::try_from(count) {
        Ok(count) if count <= limit => Ok((count, rest)),
        _beyond => Err(PacketError::TooManyAttachments),
    }
}

/// The `/admin,` of a packet for that namespace.
fn namespace(text: &[u8]) -> Result<(Namespace, &[u8]), PacketError> {
    if !text.starts_with(b"/") {
        return Ok((Namespace::Main, text));
    }
    let mut halves = text.splitn(2, |byte| *byte == b',');
    let name = halves.next().unwrap_or_default();
    let rest = halves.next().unwrap_or_default();
    if name == b"/" {
        return Ok((Namespace::Main, rest));
    }
    // It is repeated in the answer, where a control character would be the end of a packet.
    match str::from_utf8(name) {
        Ok(name) if !name.contains(char::is_control) => {
            Ok((Namespace::Other(name.to_owned()), rest))
        }
        _invalid => Err(PacketError::InvalidNamespace),
    }
}

fn id(text: &[u8]) -> Result<(Option<u64>, &[u8]), PacketError> {
    match digits(text) {
        (Some(id), _) if id > MAX_ID => Err(PacketError::InvalidId),
        found => Ok(found),
    }
}

/// The number at the start of `text`, at most the largest that there is.
fn digits(text: &[u8]) -> (Option<u64>, &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    if digits.is_empty() {
        return (None, rest);
    }
    let number = digits.iter().fold(0u64, |number, digit| {
        let digit = u64::from(digit - b'0');
        number.saturating_mul(10).saturating_add(digit)
    });
    (Some(number), rest)
}

fn connect(id: Option<u64>, payload: Bytes) -> Result<PacketKind, PacketError> {
    if id.is_some() {
        return Err(PacketError::UnexpectedId);
    }
    if payload.is_empty() {
        return Ok(PacketKind::Connect(None));
    }
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(PacketError::NotAnObject);
    }
    check_depth(&payload)?;
    serde_json::from_slice::<IgnoredAny>(&payload).map_err(PacketError::InvalidPayload)?;
    Ok(PacketKind::Connect(Some(payload)))
}

fn disconnect(id: Option<u64>, payload: &Bytes) -> Result<PacketKind, PacketError> {
    match (id, payload.is_empty()) {
        (Some(_), _) => Err(PacketError::UnexpectedId),
        (None, false) => Err(PacketError::UnexpectedPayload),
        (None, true) => Ok(PacketKind::Disconnect),
    }
}

fn event(id: Option<u64>, payload: Bytes, attachments: usize) -> Result<PacketKind, PacketError> {
    check_array(&payload, attachments)?;
    let (name, args) = Args::parse_event(payload).map_err(PacketError::InvalidPayload)?;
    if RESERVED_EVENTS.contains(&name.as_str()) {
        return Err(PacketError::ReservedEvent);
    }
    Ok(PacketKind::Event {
        id,
        name,
        args,
        attachments,
    })
}

fn ack(id: Option<u64>, payload: Bytes, attachments: usize) -> Result<PacketKind, PacketError> {
    let id = id.ok_or(PacketError::MissingId)?;
    check_array(&payload, attachments)?;
    let args = Args::parse_answer(payload).map_err(PacketError::InvalidPayload)?;
    Ok(PacketKind::Ack {
        id,
        args,
        attachments,
    })
}

fn check_array(payload: &[u8], attachments: usize) -> Result<(), PacketError> {
    check_depth(payload)?;
    if attachments == 0 {
        return Ok(());
    }
    let places = placeholders::find(payload).map_err(PacketError::InvalidPayload)?;
    if places.iter().copied().eq(0..attachments as u64) {
        Ok(())
    } else {
        Err(PacketError::MisplacedAttachments)
    }
}

/// Arguments are decoded only when the application asks for them, and may be passed on without
/// that: what neither it nor other clients could decode is refused here.
fn check_depth(json: &[u8]) -> Result<(), PacketError> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _other => {}
        }
        if depth > MAX_DEPTH {
            return Err(PacketError::TooDeep);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
