use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A `T` that was written as a JSON object.
///
/// A derived `Deserialize` also takes an array with the fields in their order,
/// which no client may come to rely on. [`crate::ValidJson`] wants an object
/// for the body itself; nested structs ask for one with this type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Tells `null` (take it away) from absent (leave it), as a merge patch does
/// (RFC 7396): `#[serde(default, deserialize_with = "web::given")]`.
pub fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Pair {
        a: u8,
        b: u8,
    }

    #[test]
    fn an_object_is_taken_and_an_array_is_not() {
        let Object(Pair { a, b }) = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();
        assert_eq!((a, b), (1, 2));
        let refused = serde_json::from_str::<Object<Pair>>("[1,2]").unwrap_err();
        assert!(
            refused.to_string().contains("expected an object"),
            "{refused}"
        );
        // Without the wrapper the array would do.
        assert!(serde_json::from_str::<Pair>("[1,2]").is_ok());
    }
}
