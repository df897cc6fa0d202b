//! The wire protocol of MongoDB, as far as commands have names: messages with
//! a length in front, `OP_MSG` among them.

use std::io;

use mongodb::bson::{RawBsonRef, RawDocument};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Message, Side};

const HEADER: usize = 16;
const OP_MSG: i32 = 2013;
/// Behind the header and the flags: the kind of the first section.
const SECTION: usize = HEADER + 4;
/// A section that is one document.
const KIND_DOCUMENT: u8 = 0;

pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), side: Side) -> io::Result<Message> {
    let length = from.read_i32_le().await?;
    let rest = usize::try_from(length).map_err(io::Error::other)? - size_of_val(&length);
    let mut bytes = length.to_le_bytes().to_vec();
    from.take(rest as u64).read_to_end(&mut bytes).await?;
    let name = match side {
        Side::Client => name(&bytes),
        Side::Server => None,
    };
    let content = Vec::new();
    Ok(Message {
        bytes,
        name,
        content,
    })
}

/// The first key of a command, and its value if that is a collection.
fn name(message: &[u8]) -> Option<String> {
    let opcode = message.get(HEADER - 4..HEADER)?.try_into().ok()?;
    if i32::from_le_bytes(opcode) != OP_MSG || message.get(SECTION) != Some(&KIND_DOCUMENT) {
        return None;
    }
    let body = message.get(SECTION + 1..)?;
    let length = i32::from_le_bytes(body.get(..4)?.try_into().ok()?);
    let body = body.get(..usize::try_from(length).ok()?)?;
    let command = RawDocument::from_bytes(body).ok()?;
    Some(match command.into_iter().next()?.ok()? {
        (verb, RawBsonRef::String(collection)) => format!("{verb} {collection}"),
        (verb, _) => verb.to_string(),
    })
}
