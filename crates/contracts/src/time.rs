use domain::Timestamp;

/// A moment as it travels, to the millisecond.
#[must_use]
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_secs(),
        nanos: i32::try_from(at.as_millis().rem_euclid(1000) * 1_000_000).unwrap_or(0),
    }
}

/// The moment that travelled, to the millisecond.
#[must_use]
pub fn timestamp_of(at: prost_types::Timestamp) -> Timestamp {
    let millis = i64::from(at.nanos) / 1_000_000;
    Timestamp::from_millis(at.seconds.saturating_mul(1000).saturating_add(millis))
}
