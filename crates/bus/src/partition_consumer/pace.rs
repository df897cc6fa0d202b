use std::time::Duration;

/// First and longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// What a batch grows by, as a share of the most it may have.
const GROWTH: usize = 20;

/// How fast a partition is worked on: how many jobs at a time, and how long it
/// pauses when that does not work.
///
/// Jobs at a time follow additive increase and multiplicative decrease, as
/// TCP's congestion window does (Chiu and Jain, 1989): half as many after a
/// deadline, a few more with each full batch that goes well.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    jobs: usize,
    pause: Duration,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            jobs: most,
            pause: PAUSES.0,
        }
    }

    /// Jobs to hand over at a time; at least 1.
    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    /// `count` jobs were done at a time.
    pub(super) fn went_well(&mut self, count: usize) {
        if count >= self.jobs {
            self.jobs = self.most.min(self.jobs + self.most.div_ceil(GROWTH));
        }
        self.resume();
    }

    /// `count` jobs at a time took too long.
    pub(super) fn took_too_long(&mut self, count: usize) {
        self.jobs = (count / 2).max(1);
    }

    /// The next pause is the first again.
    pub(super) fn resume(&mut self) {
        self.pause = PAUSES.0;
    }

    /// How long to pause now; longer each time.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = PAUSES.1.min(pause * 2);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_shrinks_by_half_and_grows_back_by_little() {
        let mut pace = Pace::new(500);
        pace.took_too_long(500);
        assert_eq!(pace.jobs(), 250);
        pace.took_too_long(250);
        assert_eq!(pace.jobs(), 125);
        pace.went_well(125);
        assert_eq!(pace.jobs(), 150);
        for _ in 0..100 {
            pace.went_well(pace.jobs());
        }
        assert_eq!(pace.jobs(), 500);
    }

    #[test]
    fn a_small_batch_that_goes_well_says_nothing_about_large_ones() {
        let mut pace = Pace::new(500);
        pace.took_too_long(500);
        pace.went_well(3);
        assert_eq!(pace.jobs(), 250);
    }

    #[test]
    fn there_is_always_room_for_one() {
        let mut pace = Pace::new(0);
        assert_eq!(pace.jobs(), 1);
        pace.took_too_long(1);
        assert_eq!(pace.jobs(), 1);
    }

    #[test]
    fn pauses_grow_up_to_a_limit_and_begin_anew() {
        let mut pace = Pace::new(1);
        let pauses: Vec<u128> = (0..8).map(|_| pace.next_pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        pace.went_well(1);
        assert_eq!(pace.next_pause().as_millis(), 100);
    }
}
