//! Whether two answers say the same, but for whom and when they are about.

use serde_json::Value;
use testkit::{Response, User};

/// Names of people, each of whom has the same part in both answers as whoever
/// has the same place in the other list.
pub(super) type Parts<'a> = &'a [&'a User];

/// Everything in which the answers differ; `of` and `to` are the names in each.
pub(super) fn differences(
    one: (&Response, Parts<'_>),
    other: (&Response, Parts<'_>),
) -> Vec<String> {
    let mut found = Vec::new();
    if one.0.status != other.0.status {
        found.push(format!("{} and {}", one.0.status, other.0.status));
    }
    let header = |answer: &Response| answer.header("content-type").map(str::to_owned);
    if header(one.0) != header(other.0) {
        found.push("another content type".to_owned());
    }
    let [one, other] = [one, other].map(|(answer, parts)| masked(answer.json(), parts));
    compare(&mut found, "", &one, &other);
    found
}

fn compare(found: &mut Vec<String>, at: &str, one: &Value, other: &Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            if !one.keys().eq(other.keys()) {
                let keys = |it: &serde_json::Map<_, _>| it.keys().cloned().collect::<Vec<_>>();
                found.push(format!("{at} has {:?} and {:?}", keys(one), keys(other)));
                return;
            }
            for (key, value) in one {
                compare(found, &format!("{at}/{key}"), value, &other[key]);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (n, (one, other)) in one.iter().zip(other).enumerate() {
                compare(found, &format!("{at}/{n}"), one, other);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{at} is {one} and {other}")),
    }
}

/// With what tells one person or moment from another taken out.
fn masked(value: Value, parts: Parts<'_>) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("next_cursor" | "request_id", Value::String(_)) => "opaque".into(),
                    (_, value) => masked(value, parts),
                };
                (key, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|it| masked(it, parts)).collect(),
        Value::String(text) => anonymous(text, parts).into(),
        other => other,
    }
}

fn anonymous(text: String, parts: Parts<'_>) -> String {
    let is_time = |text: &str| text.len() == 24 && text.ends_with('Z') && text.contains('T');
    if is_time(&text) {
        return "a moment".to_owned();
    }
    let people = parts.iter().enumerate();
    let text = people.fold(text, |text, (n, user)| {
        text.replace(&user.id, &format!("id of {n}"))
            .replace(&user.username, &format!("name of {n}"))
    });
    let is_id = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { "an id".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(one: &Value, other: &Value) -> Vec<String> {
        let [one, other] = [one, other].map(|it| masked(it.clone(), &[]));
        let mut found = Vec::new();
        compare(&mut found, "", &one, &other);
        found
    }

    #[test]
    fn only_whom_and_when_may_differ() {
        let one = json!({ "_id": "65f0c0ffee65f0c0ffee65f0", "at": "2026-01-02T03:04:05.678Z",
                          "items": [1, { "is_liked": true }], "next_cursor": "abc" });
        let mut other = one.clone();
        other["_id"] = json!("75f0c0ffee65f0c0ffee65f0");
        other["at"] = json!("2026-11-02T03:04:05.678Z");
        other["next_cursor"] = json!("abd");
        assert_eq!(found(&one, &other), [""; 0]);
        other["items"][1]["is_liked"] = json!(false);
        assert_eq!(found(&one, &other), ["/items/1/is_liked is true and false"]);
        other["next_cursor"] = Value::Null;
        assert_eq!(found(&one, &other).len(), 2);
        other["more"] = Value::Null;
        assert_eq!(found(&one, &other).len(), 1);
    }
}
