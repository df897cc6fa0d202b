use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

/// The numbers of the placeholders in `json`, in ascending order.
pub(super) fn find(json: &[u8]) -> Result<Vec<u64>, serde_json::Error> {
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    Places(&mut found).deserialize(&mut reader)?;
    reader.end()?;
    found.sort_unstable();
    Ok(found)
}

/// Looks for `{"_placeholder": true, "num": 0}` at any depth, whatever else the object has, as
/// official clients do.
struct Places<'a>(&'a mut Vec<u64>);

/// A value, as far as it can be part of a placeholder.
enum Part {
    True,
    Number(u64),
    Other,
}

/// The name of a field, as far as it counts.
#[derive(Deserialize)]
enum Field {
    #[serde(rename = "_placeholder")]
    Placeholder,
    #[serde(rename = "num")]
    Num,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for Places<'_> {
    type Value = Part;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Part, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Places<'_> {
    type Value = Part;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Part, E> {
        Ok(if value { Part::True } else { Part::Other })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Part, E> {
        Ok(Part::Number(value))
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_str<E>(self, _value: &str) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
        while items.next_element_seed(Places(self.0))?.is_some() {}
        Ok(Part::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Part, A::Error> {
        let mut is_placeholder = false;
        let mut number = None;
        while let Some(name) = fields.next_key()? {
            let value = fields.next_value_seed(Places(self.0))?;
            match (name, value) {
                (Field::Placeholder, value) => is_placeholder = matches!(value, Part::True),
                (Field::Num, Part::Number(found)) => number = Some(found),
                (Field::Num, _) => number = None,
                (Field::Other, _) => {}
            }
        }
        if is_placeholder {
            // One without a number stands for no attachment at all.
            self.0.push(number.unwrap_or(u64::MAX));
        }
        Ok(Part::Other)
    }
}
