//! AMQP 0-9-1, as far as messages pass: frames, of which some are methods, and
//! behind some methods the frames of a content. Peers send those together.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Message, Side};

/// What a client says first; every frame begins with a smaller byte.
const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\0\0\x09\x01";
const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
const CONTENT_BODY: u8 = 3;
/// Type, channel and size.
const FRAME_HEADER: usize = 7;
const BASIC: u16 = 60;
const PUBLISH: u16 = 40;
const RETURN: u16 = 50;
const DELIVER: u16 = 60;
const GET_OK: u16 = 71;
const ACK: u16 = 80;

pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), side: Side) -> io::Result<Message> {
    let mut bytes = Vec::new();
    let first = read_frame(from, &mut bytes).await?;
    let method = Method::parse(&bytes).filter(|_| first == METHOD);
    let name = method.as_ref().and_then(|method| method.name(side));
    let content = if method.is_some_and(|method| method.has_content()) {
        read_content(from, &mut bytes).await?
    } else {
        Vec::new()
    };
    Ok(Message {
        bytes,
        name,
        content,
    })
}

/// Reads one frame to the end of `bytes`; returns its type.
async fn read_frame(from: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<u8> {
    let start = bytes.len();
    let kind = from.read_u8().await?;
    bytes.push(kind);
    if kind == PROTOCOL_HEADER[0] {
        read_more(from, PROTOCOL_HEADER.len() - 1, bytes).await?;
        return Ok(kind);
    }
    read_more(from, FRAME_HEADER - 1, bytes).await?;
    let size = be_u32(&bytes[start + 3..]);
    // And the byte that ends a frame.
    read_more(from, size as usize + 1, bytes).await?;
    Ok(kind)
}

/// Reads the rest of a message to the end of `bytes`: a header that says how
/// long its body is, and the body, which is returned.
async fn read_content(
    from: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut length = None;
    while length != Some(body.len() as u64) {
        let start = bytes.len();
        let kind = read_frame(from, bytes).await?;
        let payload = &bytes[start + FRAME_HEADER..bytes.len() - 1];
        match kind {
            // Class and weight come before the length.
            CONTENT_HEADER => length = Some(be_u64(&payload[4..])),
            CONTENT_BODY => body.extend_from_slice(payload),
            // A heartbeat may come between.
            _ => {}
        }
    }
    Ok(body)
}

async fn read_more(
    from: &mut (impl AsyncRead + Unpin),
    count: usize,
    bytes: &mut Vec<u8>,
) -> io::Result<()> {
    let read = from.take(count as u64).read_to_end(bytes).await?;
    if read < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// A method of the class `basic`, the only one with steps of operations.
struct Method<'a> {
    id: u16,
    arguments: &'a [u8],
}

impl<'a> Method<'a> {
    fn parse(frame: &'a [u8]) -> Option<Self> {
        let payload = frame.get(FRAME_HEADER..)?;
        (be_u16(payload.get(..2)?) == BASIC).then_some(())?;
        Some(Self {
            id: be_u16(payload.get(2..4)?),
            arguments: payload.get(4..)?,
        })
    }

    fn has_content(&self) -> bool {
        matches!(self.id, PUBLISH | RETURN | DELIVER | GET_OK)
    }

    fn name(&self, from: Side) -> Option<String> {
        match (from, self.id) {
            // A reserved short, the exchange, the key.
            (Side::Client, PUBLISH) => {
                let (_exchange, rest) = short_string(&self.arguments[2..]);
                Some(format!("basic.publish {}", short_string(rest).0))
            }
            // The consumer's tag, the delivery's tag and a flag, the exchange, the key.
            (Side::Server, DELIVER) => {
                let (_consumer, rest) = short_string(self.arguments);
                let (_exchange, rest) = short_string(&rest[9..]);
                Some(format!("basic.deliver {}", short_string(rest).0))
            }
            (Side::Client, ACK) => Some("ack".to_owned()),
            (Side::Server, ACK) => Some("confirm".to_owned()),
            _ => None,
        }
    }
}

/// A string with its length in one byte, and what follows it.
fn short_string(bytes: &[u8]) -> (String, &[u8]) {
    let (text, rest) = bytes[1..].split_at(bytes[0].into());
    (String::from_utf8_lossy(text).into_owned(), rest)
}

fn be_u16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn be_u32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

fn be_u64(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 1];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(payload);
        frame.push(0xCE);
        frame
    }

    fn method(id: u16, arguments: &[u8]) -> Vec<u8> {
        let mut payload = BASIC.to_be_bytes().to_vec();
        payload.extend(id.to_be_bytes());
        payload.extend(arguments);
        frame(METHOD, &payload)
    }

    fn content(parts: &[&[u8]]) -> Vec<u8> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut header = vec![0, 60, 0, 0];
        header.extend((length as u64).to_be_bytes());
        header.extend([0, 0]);
        let mut frames = frame(CONTENT_HEADER, &header);
        for part in parts {
            frames.extend(frame(CONTENT_BODY, part));
        }
        frames
    }

    /// The names and contents of what `stream` is made of, after making sure
    /// that nothing is lost.
    async fn named(stream: &[u8], from: Side) -> Vec<(Option<String>, Vec<u8>)> {
        let (mut rest, mut named, mut bytes) = (stream, Vec::new(), Vec::new());
        while !rest.is_empty() {
            let message = read(&mut rest, from).await.unwrap();
            named.push((message.name, message.content));
            bytes.extend(message.bytes);
        }
        assert_eq!(bytes, stream);
        named
    }

    #[tokio::test]
    async fn a_message_is_one_step_however_many_frames_it_has() {
        let publish = b"\0\0\x04jobs\x09feed.page\0";
        let mut stream = PROTOCOL_HEADER.to_vec();
        stream.extend(method(PUBLISH, publish));
        stream.extend(content(&[b"one ", b"two"]));
        stream.extend(method(PUBLISH, publish));
        stream.extend(content(&[]));
        stream.extend(frame(8, b""));
        stream.extend(method(ACK, &[0; 9]));
        let publish = Some("basic.publish feed.page");
        let expected = [
            (None, &b""[..]),
            (publish, b"one two"),
            (publish, b""),
            (None, b""),
            (Some("ack"), b""),
        ];
        let expected = expected.map(|(name, content)| (name.map(str::to_owned), content.to_vec()));
        assert_eq!(named(&stream, Side::Client).await, expected);
    }

    #[tokio::test]
    async fn what_the_broker_says_has_names_of_its_own() {
        let deliver = b"\x04ctag\0\0\0\0\0\0\0\x01\0\x06events\x0bposts.count";
        let mut stream = method(DELIVER, deliver);
        stream.extend(content(&[b"fact"]));
        stream.extend(method(ACK, &[0; 9]));
        let expected = [
            ("basic.deliver posts.count", &b"fact"[..]),
            ("confirm", b""),
        ];
        let expected = expected.map(|(name, content)| (Some(name.to_owned()), content.to_vec()));
        assert_eq!(named(&stream, Side::Server).await, expected);
    }
}
