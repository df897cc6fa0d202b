use bson::{Document, RawDocument, doc, oid::ObjectId};
use serde::de::DeserializeOwned;

/// What is in a document of `collection`. One that the predecessor left
/// unreadable is not there until an operator has mended it.
#[must_use]
pub fn readable<T: DeserializeOwned>(collection: &'static str, raw: &RawDocument) -> Option<T> {
    let read = bson::deserialize_from_slice(raw.as_bytes()).ok();
    if read.is_none() {
        let id = raw.get_object_id("_id").map(ObjectId::to_hex);
        // Without the error, which would quote the value.
        let id = id.unwrap_or_default();
        tracing::warn!(collection, id, "document cannot be read");
    }
    read
}

/// An expression for a counter as a number: the predecessor left doubles, nulls
/// and holes. What is no number is 0.
#[must_use]
pub fn readable_number(field: &str) -> Document {
    doc! { "$convert": {
        "input": format!("${field}"),
        "to": "long",
        "onError": 0_i64,
        "onNull": 0_i64,
    } }
}
