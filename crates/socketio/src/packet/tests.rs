use proptest::prelude::*;

use super::*;
use crate::Message;

const MAX_ATTACHMENTS: usize = 3;
const LIMITS: PacketLimits = PacketLimits {
    attachments: MAX_ATTACHMENTS,
    bytes: 10_000,
};

fn read(text: &str) -> Result<Packet, PacketError> {
    parse(&Bytes::copy_from_slice(text.as_bytes()), MAX_ATTACHMENTS)
}

fn kind(text: &str) -> PacketKind {
    let packet = read(text).unwrap();
    assert_eq!(packet.namespace, Namespace::Main, "{text}");
    packet.kind
}

fn event(text: &str) -> (Option<u64>, String, usize) {
    match kind(text) {
        PacketKind::Event { id, name, args, .. } => (id, name, args.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_are_read_as_the_protocol_says() {
    assert_eq!(kind("0"), PacketKind::Connect(None));
    assert_eq!(kind("0/"), PacketKind::Connect(None));
    assert_eq!(kind("0/,"), PacketKind::Connect(None));
    let auth = Bytes::from_static(br#"{"token":"x"}"#);
    assert_eq!(kind(r#"0{"token":"x"}"#), PacketKind::Connect(Some(auth)));
    assert_eq!(kind("1"), PacketKind::Disconnect);
    assert_eq!(event(r#"2["a"]"#), (None, "a".to_owned(), 0));
    assert_eq!(event(r#"212["a",1,[2]]"#), (Some(12), "a".to_owned(), 2));
    assert_eq!(event(r#"2/,12["a"]"#), (Some(12), "a".to_owned(), 0));
    assert_eq!(event(r#"29007199254740991["a"]"#).0, Some(MAX_ID));
    assert_eq!(event(r#"2["\u0061\n"]"#).1, "a\n");
    assert!(matches!(kind("313[]"), PacketKind::Ack { id: 13, .. }));
    assert!(matches!(
        kind(r#"52-["a",{"num":1,"_placeholder":true},[{"b":{"_placeholder":true,"num":0}}]]"#),
        PacketKind::Event { attachments: 2, .. }
    ));
    assert!(matches!(
        kind(r#"61-13[{"_placeholder":true,"num":0}]"#),
        PacketKind::Ack {
            id: 13,
            attachments: 1,
            ..
        }
    ));
}

#[test]
fn other_namespaces_are_told_apart() {
    for text in [
        "0/admin",
        "0/admin,",
        "0/admin,{}",
        "1/admin,",
        "2/admin,1[\"a\"]",
    ] {
        let packet = read(text).unwrap();
        assert_eq!(
            packet.namespace,
            Namespace::Other("/admin".to_owned()),
            "{text}"
        );
    }
    assert!(matches!(
        read("0/\u{1e}x,"),
        Err(PacketError::InvalidNamespace)
    ));
}

#[test]
fn an_object_like_a_placeholder_is_one_only_beside_attachments() {
    assert_eq!(event(r#"2["a",{"_placeholder":true,"num":7}]"#).2, 1);
    assert!(
        read(r#"51-["a",{"_placeholder":false,"num":7},{"_placeholder":true,"num":0}]"#).is_ok()
    );
}

/// A name for the error of each malformed packet.
fn refusal(text: &str) -> String {
    match read(text) {
        Ok(packet) => format!("{packet:?}"),
        Err(error) => {
            let shown = format!("{error:?}");
            shown.split('(').next().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn every_malformed_packet_is_refused_for_its_reason() {
    let cases = [
        ("", "Empty"),
        ("7", "UnknownType"),
        ("x", "UnknownType"),
        ("é", "UnknownType"),
        (r#"4{"message":"x"}"#, "ConnectError"),
        ("00", "UnexpectedId"),
        ("0null", "NotAnObject"),
        ("0[]", "NotAnObject"),
        (r#"0"x""#, "NotAnObject"),
        ("0{", "InvalidPayload"),
        ("0{} {}", "InvalidPayload"),
        ("0{a:1}", "InvalidPayload"),
        ("11", "UnexpectedId"),
        ("1{}", "UnexpectedPayload"),
        ("2", "InvalidPayload"),
        ("21", "InvalidPayload"),
        ("2/admin", "InvalidPayload"),
        ("2[]", "InvalidPayload"),
        ("2{}", "InvalidPayload"),
        (r#"2"a""#, "InvalidPayload"),
        ("2[1]", "InvalidPayload"),
        ("2[null]", "InvalidPayload"),
        (r#"2[["a"]]"#, "InvalidPayload"),
        (r#"2["a""#, "InvalidPayload"),
        (r#"2["a",]"#, "InvalidPayload"),
        (r#"2["a"]x"#, "InvalidPayload"),
        (r#"2["a",undefined]"#, "InvalidPayload"),
        (r#"2["\ud800"]"#, "InvalidPayload"),
        ("2[\"a\u{1}\"]", "InvalidPayload"),
        (r#"2["connect"]"#, "ReservedEvent"),
        (r#"2["connect_error"]"#, "ReservedEvent"),
        (r#"2["disconnect"]"#, "ReservedEvent"),
        (r#"2["disconnecting"]"#, "ReservedEvent"),
        (r#"2["newListener"]"#, "ReservedEvent"),
        (r#"2["removeListener"]"#, "ReservedEvent"),
        (r#"2["\u0063onnect"]"#, "ReservedEvent"),
        (r#"29007199254740992["a"]"#, "InvalidId"),
        (r#"299999999999999999999999["a"]"#, "InvalidId"),
        (r#"2-1["a"]"#, "InvalidPayload"),
        (r#"21.5["a"]"#, "InvalidPayload"),
        ("3[]", "MissingId"),
        ("31", "InvalidPayload"),
        ("31{}", "InvalidPayload"),
        ("31[", "InvalidPayload"),
        ("6", "InvalidAttachmentCount"),
        ("60-[]", "MissingId"),
        (r#"5["a"]"#, "InvalidAttachmentCount"),
        (r#"51["a"]"#, "InvalidAttachmentCount"),
        (r#"5-["a"]"#, "InvalidAttachmentCount"),
        (r#"5x-["a"]"#, "InvalidAttachmentCount"),
        (r#"54-["a"]"#, "TooManyAttachments"),
        (r#"599999999999999999999-["a"]"#, "TooManyAttachments"),
        (r#"51-["a"]"#, "MisplacedAttachments"),
        (
            r#"51-["a",{"_placeholder":true,"num":1}]"#,
            "MisplacedAttachments",
        ),
        (
            r#"51-["a",{"_placeholder":true,"num":-1}]"#,
            "MisplacedAttachments",
        ),
        (
            r#"51-["a",{"_placeholder":true,"num":"0"}]"#,
            "MisplacedAttachments",
        ),
        (r#"51-["a",{"_placeholder":true}]"#, "MisplacedAttachments"),
        (
            r#"52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#,
            "MisplacedAttachments",
        ),
        (
            r#"51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            "MisplacedAttachments",
        ),
        (r#"51-[{"_placeholder":true,"num":0}]"#, "InvalidPayload"),
        ("51-[", "InvalidPayload"),
    ];
    for (text, reason) in cases {
        assert_eq!(refusal(text), reason, "{text}");
    }
}

#[test]
fn json_is_nested_as_deeply_as_serde_decodes_and_no_deeper() {
    let nested = |depth: usize| format!(r#"2["a",{}{}]"#, "[".repeat(depth), "]".repeat(depth));
    let PacketKind::Event { args, .. } = kind(&nested(MAX_DEPTH - 1)) else {
        panic!("an event");
    };
    assert!(args.get::<serde_json::Value>(0).is_ok());
    assert_eq!(refusal(&nested(MAX_DEPTH)), "TooDeep");
    assert_eq!(refusal(&format!("0{}", r#"{"a":"#.repeat(128))), "TooDeep");
    assert_eq!(refusal(&format!("2[\"a\",{}", "[".repeat(5000))), "TooDeep");
    assert!(read(&format!(r#"2["a","\"{}"]"#, "[".repeat(500))).is_ok());
}

/// JSON of any shape that is not nested deeply.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(".{0,4}", inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(
        name in "[a-z:]{1,12}".prop_filter("reserved", |name| !RESERVED_EVENTS.contains(&name.as_str())),
        id in prop::option::of(0..=MAX_ID),
        arguments in prop::collection::vec(json(), 0..4),
        attachments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..=MAX_ATTACHMENTS),
    ) {
        let mut message = Message::event(&name);
        for argument in &arguments {
            message = message.with(argument).unwrap();
        }
        for attachment in &attachments {
            message = message.with_binary(attachment.clone().into());
        }
        let mut assembler = Assembler::default();
        let mut packet = None;
        let encoded = id.map_or_else(|| message.encode(), |id| message.encode_asking(id));
        for frame in encoded.frames() {
            prop_assert!(packet.is_none());
            let payload = Bytes::copy_from_slice(frame.payload());
            packet = if frame.is_binary() {
                assembler.binary(payload, LIMITS).unwrap()
            } else {
                assembler.text(&payload.slice(1..), LIMITS).unwrap()
            };
        }
        let Some(PacketKind::Event { id: read_id, name: read_name, args, .. }) = packet.map(|packet| packet.kind) else {
            return Err(TestCaseError::fail("not an event"));
        };
        prop_assert_eq!(read_id, id);
        prop_assert_eq!(read_name, name);
        prop_assert_eq!(args.len(), arguments.len() + attachments.len());
        for (index, argument) in arguments.iter().enumerate() {
            prop_assert_eq!(&args.get::<serde_json::Value>(index).unwrap(), argument);
        }
        prop_assert_eq!(args.attachments(), &attachments);
    }

    #[test]
    fn any_text_is_read_or_refused(text in r"[0-7]{0,2}[-/,0-9a-z]{0,6}[\PC]{0,40}") {
        let _either = read(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _either = parse(&bytes.into(), MAX_ATTACHMENTS);
    }
}
