//! What comes with an event or an answer.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer as _, Serialize,
    de::{DeserializeOwned, Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The arguments of an event, or of an answer: JSON that is known to be well-formed, each argument
/// decoded when it is asked for, and the binary attachments beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct Args {
    /// An array.
    json: Bytes,
    /// Elements in front of the first argument: the name of an event.
    skipped: usize,
    count: usize,
    attachments: Vec<Bytes>,
}

/// Why an argument is not what the application wants.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// There are fewer arguments.
    #[error("argument {index} is missing")]
    Missing {
        /// Which one, counted from 0.
        index: usize,
    },
    /// It has another shape.
    #[error("argument {index} is wrong at `{path}`")]
    Invalid {
        /// Which one, counted from 0.
        index: usize,
        /// The field, or `.` for the argument itself.
        path: String,
        /// What is wrong there.
        #[source]
        source: serde_json::Error,
    },
}

/// Where an attachment belongs: what stands in the JSON in its stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placeholder {
    #[serde(rename = "_placeholder")]
    is_placeholder: bool,
    num: usize,
}

impl Placeholder {
    pub(crate) fn of(num: usize) -> Self {
        Self {
            is_placeholder: true,
            num,
        }
    }
}

impl Args {
    /// Reads `["name", …]`: the name, and what follows it.
    pub(crate) fn parse_event(json: Bytes) -> Result<(String, Self), serde_json::Error> {
        let (name, count) = read(&json, NameAndCount)?;
        Ok((name, Self::of(json, 1, count)))
    }

    /// Reads `[…]`.
    pub(crate) fn parse_answer(json: Bytes) -> Result<Self, serde_json::Error> {
        let count = read(&json, Count)?;
        Ok(Self::of(json, 0, count))
    }

    /// Is this `["name", …]`?
    pub(crate) fn check_event(json: &str) -> Result<(), serde_json::Error> {
        read(json.as_bytes(), NameAndCount).map(|_event| ())
    }

    fn of(json: Bytes, skipped: usize, count: usize) -> Self {
        Self {
            json,
            skipped,
            count,
            attachments: Vec::new(),
        }
    }

    pub(crate) fn attach(&mut self, attachment: Bytes) {
        self.attachments.push(attachment);
    }

    /// How many there are, the name of the event not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Decodes the argument at `index`, counted from 0.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgsError> {
        let raw = self.raw(index).ok_or(ArgsError::Missing { index })?;
        let mut reader = serde_json::Deserializer::from_str(raw);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| ArgsError::Invalid {
            index,
            path: error.path().to_string(),
            source: error.into_inner(),
        })
    }

    /// The JSON of the argument at `index`, counted from 0.
    #[must_use]
    pub fn raw(&self, index: usize) -> Option<&str> {
        let element = index.checked_add(self.skipped)?;
        let raw = read(&self.json, Element(element)).ok().flatten()?;
        Some(raw.get())
    }

    /// What stands for `placeholder`, which was found in an argument.
    #[must_use]
    pub fn attachment(&self, placeholder: &Placeholder) -> Option<&Bytes> {
        let attachment = self.attachments.get(placeholder.num);
        attachment.filter(|_| placeholder.is_placeholder)
    }

    /// The binary attachments in the order of their placeholders.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Bytes of memory that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }
}

/// Says how much there is, not what: it may be private.
impl fmt::Debug for Args {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Args")
            .field("len", &self.count)
            .field("attachments", &self.attachments.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

fn read<'de, V: Visitor<'de>>(json: &'de [u8], visitor: V) -> Result<V::Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = reader.deserialize_seq(visitor)?;
    reader.end()?;
    Ok(value)
}

/// Reads the first element as a name and counts the others.
struct NameAndCount;

impl<'de> Visitor<'de> for NameAndCount {
    type Value = (String, usize);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array that begins with the name of an event")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Some(name) = items.next_element()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        Ok((name, count(items)?))
    }
}

struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        count(items)
    }
}

/// Finds the element at an index.
struct Element(usize);

impl<'de> Visitor<'de> for Element {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.0 {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = items.next_element()?;
        count(items)?;
        Ok(found)
    }
}

/// Reads to the end of an array, as deserializers demand.
fn count<'de, A: SeqAccess<'de>>(mut items: A) -> Result<usize, A::Error> {
    let mut count = 0;
    while items.next_element::<IgnoredAny>()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &'static str) -> Args {
        Args::parse_event(Bytes::from_static(json.as_bytes()))
            .unwrap()
            .1
    }

    #[test]
    fn arguments_are_counted_from_behind_the_name() {
        let args = event(r#" ["name", 1, {"a": [2]}, "x"] "#);
        assert_eq!(args.len(), 3);
        assert_eq!(args.get::<u8>(0).unwrap(), 1);
        assert_eq!(args.raw(1), Some(r#"{"a": [2]}"#));
        assert_eq!(args.get::<String>(2).unwrap(), "x");
        assert_eq!(args.raw(3), None);
        assert_eq!(args.raw(usize::MAX), None);
        let answer = Args::parse_answer(Bytes::from_static(b"[1]")).unwrap();
        assert_eq!(answer.get::<u8>(0).unwrap(), 1);
        assert!(
            Args::parse_answer(Bytes::from_static(b"[]"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn an_argument_of_another_shape_is_named_with_its_field() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is only decoded")]
        struct Wanted {
            items: Vec<Item>,
        }
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is only decoded")]
        struct Item {
            size: u8,
        }
        let args = event(r#"["name",0,{"items":[{"size":1},{"size":300}]}]"#);
        let error = args.get::<Wanted>(1).unwrap_err();
        assert_eq!(error.to_string(), "argument 1 is wrong at `items[1].size`");
        let error = args.get::<Wanted>(2).unwrap_err();
        assert_eq!(error.to_string(), "argument 2 is missing");
    }

    #[test]
    fn a_placeholder_finds_its_attachment() {
        let mut args =
            event(r#"["name",{"_placeholder":true,"num":0},{"_placeholder":false,"num":0}]"#);
        args.attach(Bytes::from_static(b"abc"));
        let at = |index| args.get::<Placeholder>(index).unwrap();
        assert_eq!(args.attachment(&at(0)).unwrap(), "abc");
        assert_eq!(args.attachment(&at(1)), None);
        assert_eq!(args.attachment(&Placeholder::of(1)), None);
    }

    #[test]
    fn what_was_sent_is_not_in_the_debug_output() {
        let shown = format!("{:?}", event(r#"["name","secret"]"#));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
