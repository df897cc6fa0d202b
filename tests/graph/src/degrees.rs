//! How unequal a network is.

/// The followers, or the followees, that each person has, as numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Degrees {
    sorted: Vec<u32>,
}

impl Degrees {
    pub(crate) fn new(degrees: impl Iterator<Item = u32>) -> Self {
        let mut sorted: Vec<_> = degrees.collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// From the least to the greatest.
    #[must_use]
    pub fn ascending(&self) -> &[u32] {
        &self.sorted
    }

    /// The arithmetic mean; 0 of nobody.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum() / self.people().max(1.0)
    }

    /// The least degree that `percent` of all people do not exceed (nearest
    /// rank); 0 of nobody.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u32 {
        let rank = percent / 100.0 * self.people();
        let reaches = |&(_, number): &(&u32, u32)| f64::from(number) >= rank;
        let found = self.sorted.iter().zip(1..).find(reaches);
        found.map_or(self.max(), |(&degree, _)| degree)
    }

    /// The greatest; 0 of nobody.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.sorted.last().copied().unwrap_or_default()
    }

    /// The Gini coefficient: 0 if all are equal, or nothing, near 1 if one person has
    /// everything.
    #[must_use]
    pub fn gini(&self) -> f64 {
        let (people, sum) = (self.people(), self.sum());
        if sum == 0.0 {
            return 0.0;
        }
        let by_rank = self.sorted.iter().zip(1_u32..);
        let weighted = by_rank.map(|(&degree, rank)| f64::from(degree) * f64::from(rank));
        (2.0 * weighted.sum::<f64>() / sum - people - 1.0) / people
    }

    fn sum(&self) -> f64 {
        self.sorted.iter().copied().map(f64::from).sum()
    }

    /// How many there are; people are numbered in 32 bits.
    fn people(&self) -> f64 {
        f64::from(u32::try_from(self.sorted.len()).unwrap_or(u32::MAX))
    }
}
