use bytes::Bytes;

use super::{Packet, PacketError, PacketKind, PacketLimits, parse};

/// Puts packets and the attachments that follow them together. Owns no memory between two packets.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    waiting: Option<Box<Waiting>>,
}

/// A packet some attachments of which have to come.
#[derive(Debug)]
struct Waiting {
    packet: Packet,
    bytes: usize,
}

impl Assembler {
    /// Takes a message of text: its packet, unless attachments have to follow.
    pub(crate) fn text(
        &mut self,
        text: &Bytes,
        limits: PacketLimits,
    ) -> Result<Option<Packet>, PacketError> {
        if self.waiting.is_some() {
            return Err(PacketError::ExpectedAttachment);
        }
        let packet = parse(text, limits.attachments)?;
        self.complete(packet, text.len(), limits)
    }

    /// Takes a binary message: the packet that it is the last attachment of.
    pub(crate) fn binary(
        &mut self,
        attachment: Bytes,
        limits: PacketLimits,
    ) -> Result<Option<Packet>, PacketError> {
        let waiting = self.waiting.take();
        let Waiting { mut packet, bytes } = *waiting.ok_or(PacketError::UnexpectedAttachment)?;
        let bytes = bytes.saturating_add(attachment.len());
        if let PacketKind::Event { args, .. } | PacketKind::Ack { args, .. } = &mut packet.kind {
            args.attach(attachment);
        }
        self.complete(packet, bytes, limits)
    }

    fn complete(
        &mut self,
        packet: Packet,
        bytes: usize,
        limits: PacketLimits,
    ) -> Result<Option<Packet>, PacketError> {
        if bytes > limits.bytes {
            return Err(PacketError::TooBig);
        }
        if packet.is_complete() {
            return Ok(Some(packet));
        }
        self.waiting = Some(Box::new(Waiting { packet, bytes }));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PacketLimits = PacketLimits {
        attachments: 3,
        bytes: 200,
    };
    const TWO: &str = r#"52-1["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;

    fn text(assembler: &mut Assembler, text: &str) -> Result<Option<Packet>, PacketError> {
        assembler.text(&Bytes::copy_from_slice(text.as_bytes()), LIMITS)
    }

    fn binary(assembler: &mut Assembler, bytes: &[u8]) -> Result<Option<Packet>, PacketError> {
        assembler.binary(Bytes::copy_from_slice(bytes), LIMITS)
    }

    #[test]
    fn a_packet_is_complete_with_its_last_attachment() {
        let mut assembler = Assembler::default();
        assert!(text(&mut assembler, r#"2["x"]"#).unwrap().is_some());
        assert!(text(&mut assembler, r#"50-["x"]"#).unwrap().is_some());
        assert!(text(&mut assembler, TWO).unwrap().is_none());
        assert!(binary(&mut assembler, b"one").unwrap().is_none());
        let packet = binary(&mut assembler, b"two").unwrap().unwrap();
        let PacketKind::Event { args, .. } = packet.kind else {
            panic!("{packet:?}");
        };
        assert_eq!(args.attachments(), ["one", "two"]);
        assert!(assembler.waiting.is_none());
        let answer = r#"61-9[{"_placeholder":true,"num":0}]"#;
        assert!(text(&mut assembler, answer).unwrap().is_none());
        assert!(binary(&mut assembler, b"").unwrap().is_some());
    }

    #[test]
    fn nothing_comes_between_a_packet_and_its_attachments() {
        let mut assembler = Assembler::default();
        text(&mut assembler, TWO).unwrap();
        let refused = text(&mut assembler, r#"2["x"]"#);
        assert!(matches!(refused, Err(PacketError::ExpectedAttachment)));
    }

    #[test]
    fn an_attachment_that_was_not_announced_is_refused() {
        let refused = binary(&mut Assembler::default(), b"x");
        assert!(matches!(refused, Err(PacketError::UnexpectedAttachment)));
    }

    #[test]
    fn attachments_count_towards_the_size_of_their_packet() {
        let mut assembler = Assembler::default();
        text(&mut assembler, TWO).unwrap();
        binary(&mut assembler, &[0; 100]).unwrap();
        let refused = binary(&mut assembler, &[0; 100]);
        assert!(matches!(refused, Err(PacketError::TooBig)));
        let long = format!(r#"2["{}"]"#, "a".repeat(LIMITS.bytes));
        let refused = text(&mut Assembler::default(), &long);
        assert!(matches!(refused, Err(PacketError::TooBig)));
    }
}
