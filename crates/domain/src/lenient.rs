//! How the predecessor's documents are read: what Mongoose and JavaScript left
//! in them is more than one type.

use serde::{Deserialize, Deserializer, de};

/// Old documents hold `null` where a field was never set.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The predecessor's numbers are doubles wherever JavaScript made them so.
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Double(f64),
    }
    match Option::deserialize(deserializer)? {
        None => Ok(0),
        Some(Number::Whole(number)) => Ok(number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be whole and in the range that doubles count exactly"
        )]
        Some(Number::Double(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Ok(number as i64)
        }
        Some(Number::Double(_)) => Err(de::Error::custom("a counter is not a whole number")),
    }
}
