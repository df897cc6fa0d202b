use domain::Timestamp;

/// A moment as it travels, to the millisecond.
#[must_use]
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_secs(),
        nanos: i32::try_from(at.as_millis().rem_euclid(1000) * 1_000_000).unwrap_or(0),
    }
}
