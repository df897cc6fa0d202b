use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How much everybody may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventLimits {
    /// Between two events in the long run, in microseconds.
    interval: u64,
    /// How far ahead of that rhythm somebody may be, in microseconds.
    tolerance: u64,
    /// What times count from.
    origin: Instant,
}

impl EventLimits {
    /// `rate` events a second, `burst` of them at once.
    pub(crate) fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = 1_000_000 / u64::from(rate.get());
        Self {
            interval,
            tolerance: interval * u64::from(burst.get() - 1),
            origin: Instant::now(),
        }
    }

    /// The time that has passed.
    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// What one socket has sent, by the generic cell rate algorithm (ITU-T I.371):
/// the moment at which its next event would be in rhythm is all there is to keep.
#[derive(Debug, Default)]
pub(crate) struct EventQuota(AtomicU64);

impl EventQuota {
    /// Takes one event at `now`, if there is one left.
    pub(crate) fn take(&self, limits: &EventLimits, now: Duration) -> bool {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let next = |due: u64| {
            let is_early = due > now.saturating_add(limits.tolerance);
            (!is_early).then(|| due.max(now).saturating_add(limits.interval))
        };
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        let of = |count| NonZeroU32::new(count).unwrap();
        let limits = EventLimits::new(of(10), of(3));
        let quota = EventQuota::default();
        let at = Duration::from_millis;
        let taken = [0, 0, 0, 0, 99, 100, 100, 5_000, 5_000, 5_000, 5_000];
        let taken = taken.map(|now| quota.take(&limits, at(now)));
        let (yes, no) = (true, false);
        let expected = [yes, yes, yes, no, no, yes, no, yes, yes, yes, no];
        assert_eq!(taken, expected);
    }
}
