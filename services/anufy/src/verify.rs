//! `anufy verify`: proofs that what is stored agrees with what it was made from.

mod counters;
mod report;

pub(crate) use counters::Counters;
