//! What MongoDB is asked, each shape once and without values, for whoever
//! reviews indexes: a query on a line, as `explain` takes it.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use bson::{Binary, Bson, DateTime, Document, Regex, doc, oid::ObjectId, raw::cstr};
use mongodb::event::{
    EventHandler,
    command::{CommandEvent, CommandStartedEvent},
};

struct CommandLog {
    file: File,
    seen: HashSet<String>,
}

/// Writes the shape of every command of a client to the end of the file at `path`.
pub(crate) fn write_to(path: &Path) -> io::Result<EventHandler<CommandEvent>> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let seen = HashSet::new();
    let log = Mutex::new(CommandLog { file, seen });
    Ok(EventHandler::callback(move |event| {
        if let CommandEvent::Started(started) = event {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = log.note(&started) {
                tracing::warn!(%error, "cannot write down a mongodb command");
            }
        }
    }))
}

impl CommandLog {
    fn note(&mut self, started: &CommandStartedEvent) -> io::Result<()> {
        let shape = doc! { "db": &started.db, "command": shape(&started.command) };
        let line = serde_json::to_string(&shape)? + "\n";
        if self.seen.contains(&line) {
            return Ok(());
        }
        // In one piece: other processes write to the same file.
        self.file.write_all(line.as_bytes())?;
        self.seen.insert(line);
        Ok(())
    }
}

/// The name of a command, its collection, and what decides how it is planned.
fn shape(command: &Document) -> Document {
    let mut fields = command.iter();
    let mut shape = Document::new();
    if let Some((name, about)) = fields.next() {
        let collection = about.as_str().map(Bson::from);
        shape.insert(name, collection.unwrap_or(Bson::Int32(1)));
    }
    shape.extend(planned(fields));
    shape
}

/// Those of the fields of a command or a statement that decide how it is planned.
fn planned<'a>(fields: impl Iterator<Item = (&'a String, &'a Bson)>) -> Document {
    let statements = |value: &Bson| {
        let statements = value.as_array().into_iter().flatten();
        let statements = statements.filter_map(Bson::as_document);
        alike_twice(statements.map(|statement| planned(statement.iter()).into()))
    };
    let planned = |(name, value): (&String, &Bson)| {
        let value = match name.as_str() {
            "filter" | "q" | "query" | "skip" => reduced(value, Values::Data),
            "fields" | "let" | "pipeline" | "projection" => reduced(value, Values::Program),
            "collation" | "hint" | "key" | "limit" | "multi" | "remove" | "sort" | "upsert" => {
                value.clone()
            }
            "deletes" | "updates" => statements(value),
            // Required, whatever is in it.
            "cursor" => Document::new().into(),
            // What is written is not planned, but some update there must be.
            "u" | "update" => doc! { "$set": { "field": 1 } }.into(),
            _ => return None,
        };
        Some((name.clone(), value))
    };
    fields.filter_map(planned).collect()
}

/// Whose values they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// Of somebody, perhaps.
    Data,
    /// Of the program: paths, names and constants of a pipeline or an expression.
    Program,
}

/// The same with a fixed value of the same type in place of every other.
fn reduced(value: &Bson, values: Values) -> Bson {
    let is_program = values == Values::Program;
    match value {
        Bson::Document(fields) => {
            let fields = fields.iter();
            let fields =
                fields.map(|(key, value)| (key.clone(), reduced_field(key, value, values)));
            Bson::Document(fields.collect())
        }
        Bson::Array(elements) => alike_twice(elements.iter().map(|it| reduced(it, values))),
        Bson::String(path) if is_program && path.starts_with('$') => value.clone(),
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) if is_program => value.clone(),
        Bson::Boolean(_) | Bson::MinKey | Bson::MaxKey => value.clone(),
        Bson::String(_) => Bson::from("text"),
        Bson::Int32(_) => Bson::Int32(1),
        Bson::Int64(_) => Bson::Int64(1),
        Bson::Double(_) => Bson::Double(1.0),
        Bson::ObjectId(_) => Bson::ObjectId(ObjectId::from_bytes([0; 12])),
        Bson::DateTime(_) => Bson::DateTime(DateTime::from_millis(0)),
        Bson::Binary(Binary { subtype, .. }) => Bson::Binary(Binary {
            subtype: *subtype,
            bytes: vec![0; 16],
        }),
        Bson::RegularExpression(regex) => Bson::RegularExpression(anchored_alike(regex)),
        _ => Bson::Null,
    }
}

fn reduced_field(key: &str, value: &Bson, values: Values) -> Bson {
    let is_program = values == Values::Program;
    match key {
        "$exists" | "$type" => value.clone(),
        "$limit" | "$sort" if is_program => value.clone(),
        "$skip" if is_program => Bson::Int32(1),
        // Collections and fields.
        "$count" | "as" | "coll" | "foreignField" | "from" | "localField" if is_program => {
            value.clone()
        }
        "$match" if is_program => reduced(value, Values::Data),
        "$expr" => reduced(value, Values::Program),
        _ => reduced(value, values),
    }
}

/// At most two of those that look the same: more are planned in the same way.
fn alike_twice(elements: impl Iterator<Item = Bson>) -> Bson {
    let mut kept: Vec<Bson> = Vec::new();
    for element in elements {
        if kept.iter().filter(|other| **other == element).count() < 2 {
            kept.push(element);
        }
    }
    Bson::Array(kept)
}

/// A prefix uses an index otherwise than a word in the middle does.
fn anchored_alike(regex: &Regex) -> Regex {
    let is_prefix = regex.pattern.as_str().starts_with('^');
    let pattern = if is_prefix {
        cstr!("^text")
    } else {
        cstr!("text")
    };
    Regex {
        pattern: pattern.into(),
        options: regex.options.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ObjectId {
        ObjectId::from_bytes([0; 12])
    }

    #[test]
    fn a_find_keeps_its_order_and_none_of_its_values() {
        let command = doc! {
            "find": "users",
            "filter": {
                "email_lower": "ana@example.org",
                "_id": { "$in": [ObjectId::new(), ObjectId::new(), ObjectId::new()] },
                "limit": "ana", "sort": 7, "key": "$ecret", "revoked_at": null,
                "created_at": { "$gt": DateTime::now() },
                "username_lower": { "$not": { "$type": "string" } },
                "$or": [{ "seen": 41_i64, "is_private": true }, { "seen": 42_i64, "is_private": false }],
            },
            "sort": { "created_at": -1, "_id": -1 },
            "projection": { "password": 0 },
            "limit": 21_i64,
            "lsid": { "id": "x" },
            "comment": "for ana",
            "$db": "anufy",
        };
        let zero = DateTime::from_millis(0);
        let expected = doc! {
            "find": "users",
            "filter": {
                "email_lower": "text",
                "_id": { "$in": [id(), id()] },
                "limit": "text", "sort": 1, "key": "text", "revoked_at": null,
                "created_at": { "$gt": zero },
                "username_lower": { "$not": { "$type": "string" } },
                "$or": [{ "seen": 1_i64, "is_private": true }, { "seen": 1_i64, "is_private": false }],
            },
            "sort": { "created_at": -1, "_id": -1 },
            "projection": { "password": 0 },
            "limit": 21_i64,
        };
        assert_eq!(shape(&command), expected);
    }

    #[test]
    fn what_is_written_is_not_written_down() {
        let set = |name| doc! { "$set": { "full_name": name, "followers.ana": 1 } };
        let command = doc! {
            "update": "users",
            "ordered": true,
            "updates": [
                { "q": { "_id": ObjectId::new() }, "u": set("Ana"), "upsert": true },
                { "q": { "_id": ObjectId::new() }, "u": set("Bo"), "upsert": true },
                { "q": { "_id": ObjectId::new() }, "u": set("Cy"), "upsert": true },
            ],
        };
        let any = doc! { "q": { "_id": id() }, "u": { "$set": { "field": 1 } }, "upsert": true };
        let expected = doc! { "update": "users", "updates": [any.clone(), any] };
        assert_eq!(shape(&command), expected);

        let insert = doc! { "insert": "users", "documents": [{ "full_name": "Ana" }] };
        assert_eq!(shape(&insert), doc! { "insert": "users" });
        let command = doc! { "findAndModify": "users", "query": { "_id": ObjectId::new() }, "update": set("Ana") };
        let expected = doc! { "findAndModify": "users", "query": { "_id": id() }, "update": { "$set": { "field": 1 } } };
        assert_eq!(shape(&command), expected);
    }

    #[test]
    fn a_pipeline_keeps_its_paths_and_none_of_its_values() {
        let command = doc! {
            "aggregate": "posts",
            "cursor": { "batchSize": 5 },
            "pipeline": [
                { "$match": { "caption": "$100 for ana", "$expr": { "$gt": ["$likes", 3] } } },
                { "$sort": { "_id": -1 } },
                { "$skip": 40 },
                { "$limit": 20 },
                { "$lookup": { "from": "users", "localField": "user_id", "foreignField": "_id", "as": "user" } },
                { "$group": { "_id": "$user_id", "n": { "$sum": 1 } } },
                { "$set": { "greeting": "hello ana" } },
            ],
        };
        let expected = doc! {
            "aggregate": "posts",
            "cursor": {},
            "pipeline": [
                { "$match": { "caption": "text", "$expr": { "$gt": ["$likes", 3] } } },
                { "$sort": { "_id": -1 } },
                { "$skip": 1 },
                { "$limit": 20 },
                { "$lookup": { "from": "users", "localField": "user_id", "foreignField": "_id", "as": "user" } },
                { "$group": { "_id": "$user_id", "n": { "$sum": 1 } } },
                { "$set": { "greeting": "text" } },
            ],
        };
        assert_eq!(shape(&command), expected);
    }

    #[test]
    fn other_commands_are_their_name() {
        let commit = doc! { "commitTransaction": 1, "txnNumber": 7_i64 };
        assert_eq!(shape(&commit), doc! { "commitTransaction": 1 });
        let more = doc! { "getMore": 4_711_i64, "collection": "users" };
        assert_eq!(shape(&more), doc! { "getMore": 1 });
    }
}
