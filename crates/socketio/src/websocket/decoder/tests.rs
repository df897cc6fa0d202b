use proptest::prelude::*;

use super::*;

const MAX: usize = 100_000;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame with `first` as its first byte.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0xff);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// What comes of `bytes` read in pieces of `size`.
fn decode(bytes: &[u8], size: usize) -> (Vec<Incoming>, Result<(), ProtocolError>) {
    let mut decoder = Decoder::new(MAX);
    let mut out = Vec::new();
    let mut bytes = bytes.to_vec();
    let result = bytes
        .chunks_mut(size)
        .try_for_each(|piece| decoder.feed(piece, &mut out));
    (out, result)
}

/// What comes of `bytes`, however they are cut.
fn read(bytes: &[u8]) -> (Vec<Incoming>, Result<(), ProtocolError>) {
    let whole = decode(bytes, bytes.len().max(1));
    for size in [1, 2, 3, 7] {
        assert_eq!(decode(bytes, size), whole, "in pieces of {size}");
    }
    whole
}

fn text(text: &str) -> Incoming {
    Incoming::Text(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn the_examples_of_the_specification_are_read() {
    // Section 5.7.
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(read(&hello), (vec![text("Hello")], Ok(())));
    assert_eq!(masked(0x81, b"Hello"), hello);
}

#[test]
fn messages_of_every_length_are_read() {
    for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, MAX] {
        let payload = "x".repeat(length);
        let (out, result) = decode(&masked(0x81, payload.as_bytes()), 4096);
        assert_eq!((out, result), (vec![text(&payload)], Ok(())), "{length}");
    }
}

#[test]
fn fragments_become_one_message_and_control_frames_between_them_keep_their_place() {
    let bytes = [
        masked(0x01, "h\u{e9}".as_bytes().split_at(2).0),
        masked(0x89, b"are you there"),
        masked(0x00, "h\u{e9}".as_bytes().split_at(2).1),
        masked(0x00, b""),
        masked(0x8a, b""),
        masked(0x80, b"!"),
        masked(0x02, b"\xff"),
        masked(0x80, b"\xfe"),
        masked(0x81, b"next"),
    ];
    let expected = vec![
        Incoming::Ping(Bytes::from_static(b"are you there")),
        Incoming::Pong,
        text("hé!"),
        Incoming::Binary(Bytes::from_static(b"\xff\xfe")),
        text("next"),
    ];
    assert_eq!(read(&bytes.concat()), (expected, Ok(())));
}

#[test]
fn what_comes_before_an_error_is_handed_out() {
    let bytes = [
        masked(0x81, b"one"),
        masked(0x83, b"x"),
        masked(0x81, b"two"),
    ]
    .concat();
    assert_eq!(
        read(&bytes),
        (vec![text("one")], Err(ProtocolError::ReservedOpcode))
    );
}

#[test]
fn close_frames_are_read_and_nothing_after_them() {
    let close = |payload: &[u8]| read(&[masked(0x88, payload), masked(0x81, b"x")].concat());
    assert_eq!(close(b""), (vec![Incoming::Close(None)], Ok(())));
    let mut payload = 1001u16.to_be_bytes().to_vec();
    payload.extend("adieu, é".as_bytes());
    assert_eq!(close(&payload), (vec![Incoming::Close(Some(1001))], Ok(())));
    for code in [1000, 1003, 1007, 1011, 1014, 3000, 4999] {
        let (out, _) = close(&u16::to_be_bytes(code));
        assert_eq!(out, [Incoming::Close(Some(code))]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(
            close(&u16::to_be_bytes(code)).1,
            Err(ProtocolError::InvalidClose),
            "{code}"
        );
    }
    assert_eq!(close(b"\x03").1, Err(ProtocolError::InvalidClose));
    assert_eq!(close(b"\x03\xe8\xff").1, Err(ProtocolError::InvalidUtf8));
}

#[test]
fn every_breach_of_the_protocol_is_an_error_with_its_close_code() {
    let unmasked = vec![0x81, 0x01, b'x'];
    let cases = [
        (masked(0xc1, b"x"), ProtocolError::ReservedBits, 1002),
        (masked(0xa1, b"x"), ProtocolError::ReservedBits, 1002),
        (masked(0x91, b"x"), ProtocolError::ReservedBits, 1002),
        (masked(0x83, b"x"), ProtocolError::ReservedOpcode, 1002),
        (masked(0x87, b"x"), ProtocolError::ReservedOpcode, 1002),
        (masked(0x8b, b"x"), ProtocolError::ReservedOpcode, 1002),
        (masked(0x8f, b"x"), ProtocolError::ReservedOpcode, 1002),
        (unmasked, ProtocolError::Unmasked, 1002),
        (masked(0x09, b"x"), ProtocolError::FragmentedControl, 1002),
        (masked(0x08, b""), ProtocolError::FragmentedControl, 1002),
        (masked(0x89, &[0; 126]), ProtocolError::LongControl, 1002),
        (
            masked(0x88, &vec![0; 0x1_0000]),
            ProtocolError::LongControl,
            1002,
        ),
        (
            masked(0x80, b"x"),
            ProtocolError::UnexpectedContinuation,
            1002,
        ),
        (
            masked(0x00, b"x"),
            ProtocolError::UnexpectedContinuation,
            1002,
        ),
        (
            [masked(0x01, b"x"), masked(0x81, b"y")].concat(),
            ProtocolError::ExpectedContinuation,
            1002,
        ),
        (
            [masked(0x02, b"x"), masked(0x02, b"y")].concat(),
            ProtocolError::ExpectedContinuation,
            1002,
        ),
        (
            [masked(0x01, b"x"), masked(0x80, b"y"), masked(0x80, b"z")].concat(),
            ProtocolError::UnexpectedContinuation,
            1002,
        ),
        (vec![0x81, 0xfe, 0, 125], ProtocolError::LongLength, 1002),
        (
            vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            ProtocolError::LongLength,
            1002,
        ),
        (masked(0x81, b"\xff"), ProtocolError::InvalidUtf8, 1007),
        (masked(0x81, b"\xc3"), ProtocolError::InvalidUtf8, 1007),
        (
            masked(0x81, b"\xed\xa0\x80"),
            ProtocolError::InvalidUtf8,
            1007,
        ),
        (
            [masked(0x01, b"\xc3"), masked(0x80, b"x")].concat(),
            ProtocolError::InvalidUtf8,
            1007,
        ),
        (masked(0x82, &vec![0; MAX + 1]), ProtocolError::TooBig, 1009),
        (
            [masked(0x02, &vec![0; MAX]), masked(0x80, b"x")].concat(),
            ProtocolError::TooBig,
            1009,
        ),
    ];
    for (bytes, error, code) in cases {
        let pieces = [bytes.len(), 1, 1000];
        for size in pieces {
            assert_eq!(decode(&bytes, size).1, Err(error), "in pieces of {size}");
        }
        assert_eq!(error.close_code(), code);
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_payload_comes() {
    let huge = [&[0x82, 0xff][..], &(1u64 << 62).to_be_bytes(), &MASK].concat();
    assert_eq!(read(&huge).1, Err(ProtocolError::TooBig));
    let most = [&[0x82, 0xff][..], &u64::MAX.to_be_bytes(), &MASK].concat();
    assert_eq!(read(&most).1, Err(ProtocolError::TooBig));
    let mut begun = Decoder::new(10);
    let mut out = Vec::new();
    begun.feed(&mut masked(0x02, &[0; 6]), &mut out).unwrap();
    let mut header = masked(0x80, &[0; 5]);
    header.truncate(6);
    assert_eq!(
        begun.feed(&mut header, &mut out),
        Err(ProtocolError::TooBig)
    );
}

#[test]
fn memory_is_given_back_between_messages() {
    let mut decoder = Decoder::new(MAX);
    let mut out = Vec::new();
    let mut bytes = [
        masked(0x01, &vec![b'x'; 50_000]),
        masked(0x80, &vec![b'y'; 50_000]),
    ]
    .concat();
    for piece in bytes.chunks_mut(999) {
        decoder.feed(piece, &mut out).unwrap();
    }
    assert_eq!(out.len(), 1);
    assert_eq!(decoder.partial.capacity(), 0);
    assert!(decoder.fragments.is_none());
}

/// A message, cut into fragments.
fn message() -> impl Strategy<Value = (Incoming, Vec<Vec<u8>>)> {
    let payload = prop_oneof![
        ".{0,40}".prop_map(|text| Incoming::Text(text.into())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Incoming::Binary(bytes.into())),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|bytes| Incoming::Ping(bytes.into())),
        Just(Incoming::Pong),
    ];
    (payload, 1..100usize).prop_map(|(message, size)| {
        let (opcode, payload) = match &message {
            Incoming::Text(text) => (1, text.clone()),
            Incoming::Binary(bytes) => (2, bytes.clone()),
            Incoming::Ping(bytes) => return (message.clone(), vec![masked(0x89, bytes)]),
            _pong => return (message, vec![masked(0x8a, b"")]),
        };
        let mut pieces: Vec<&[u8]> = payload.chunks(size).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let count = pieces.len();
        let frames = pieces.into_iter().enumerate().map(|(index, piece)| {
            let first = if index == 0 { opcode } else { 0 };
            let last = if index + 1 == count { 0x80 } else { 0 };
            masked(first | last, piece)
        });
        (message.clone(), frames.collect())
    })
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written_however_it_is_cut(
        messages in prop::collection::vec(message(), 0..6),
        cuts in prop::collection::vec(1..200usize, 1..20),
    ) {
        let (expected, frames): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let mut bytes = frames.concat().concat();
        let mut decoder = Decoder::new(MAX);
        let mut out = Vec::new();
        let mut rest = bytes.as_mut_slice();
        let mut cuts = cuts.into_iter().cycle();
        while !rest.is_empty() {
            let (piece, left) = rest.split_at_mut(cuts.next().unwrap().min(rest.len()));
            decoder.feed(piece, &mut out).unwrap();
            rest = left;
        }
        prop_assert_eq!(out, expected);
        prop_assert_eq!(decoder.partial.capacity(), 0);
    }

    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x81), Just(0x80)], 0..200),
        size in 1..50usize,
    ) {
        let whole = decode(&bytes, bytes.len().max(1));
        prop_assert_eq!(decode(&bytes, size), whole);
    }
}
