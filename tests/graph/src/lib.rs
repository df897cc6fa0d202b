//! Who follows whom, for measurements and demos: read from an edge list of a
//! real network, or generated with the same kind of tail.

mod adjacency;
mod degrees;
mod edge_list;
mod heavy_tailed;

use adjacency::Adjacency;
pub use degrees::Degrees;
pub use edge_list::{EdgeListError, Meaning};
pub use heavy_tailed::{HeavyTailed, ImpossibleNetwork};

/// People, numbered from 0 without a gap, and whom they follow. Nobody follows
/// themselves, and nobody follows somebody twice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Graph {
    followees: Adjacency,
    followers: Adjacency,
}

impl Graph {
    /// Of `people` and who follows whom, `(follower, followee)` in any order.
    /// Repeated follows count once; those of oneself and of people who do not
    /// exist are left out.
    #[must_use]
    pub fn new(people: u32, follows: &[(u32, u32)]) -> Self {
        let usable = |&&(follower, followee): &&(u32, u32)| {
            follower != followee && follower < people && followee < people
        };
        let follows = follows.iter().filter(usable);
        let followers = follows
            .clone()
            .map(|&(follower, followee)| (followee, follower));
        Self {
            followers: Adjacency::new(people, followers),
            followees: Adjacency::new(people, follows.copied()),
        }
    }

    /// How many people there are.
    #[must_use]
    pub fn people(&self) -> u32 {
        self.followees.rows()
    }

    /// How many follows there are; a friendship is two.
    #[must_use]
    pub fn size(&self) -> usize {
        self.followees.len()
    }

    /// Whom `person` follows, in ascending order.
    #[must_use]
    pub fn followees(&self, person: u32) -> &[u32] {
        self.followees.row(person)
    }

    /// Who follows `person`, in ascending order.
    #[must_use]
    pub fn followers(&self, person: u32) -> &[u32] {
        self.followers.row(person)
    }

    /// Every follow once, as `(follower, followee)`, by follower.
    pub fn follows(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.people()).flat_map(|follower| {
            let followees = self.followees(follower).iter();
            followees.map(move |&followee| (follower, followee))
        })
    }

    /// How many followers people have.
    #[must_use]
    pub fn follower_counts(&self) -> Degrees {
        Degrees::new(self.followers.row_lengths())
    }

    /// How many people follow others.
    #[must_use]
    pub fn followee_counts(&self) -> Degrees {
        Degrees::new(self.followees.row_lengths())
    }
}
