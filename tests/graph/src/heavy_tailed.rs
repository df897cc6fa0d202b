//! A network in which few people have most of the followers.

use std::collections::HashSet;

use rand::{Rng, SeedableRng, distr::Distribution, rngs::Xoshiro256PlusPlus};
use rand_distr::{LogNormal, weighted::WeightedAliasIndex};

use crate::Graph;

/// Spread of how many others people follow: the standard deviation of its logarithm.
const FOLLOWEES_SPREAD: f64 = 1.0;
/// How many draws a wanted followee may take. Only who follows nearly everybody
/// keeps drawing people they follow already.
const DRAWS_MAX: u32 = 16;

/// A network whose follower counts have a power-law tail, as those of social
/// networks do.
///
/// The static model of Goh, Kahng and Kim (Phys. Rev. Lett. 87, 278701, 2001),
/// directed: the i-th most popular person is chosen with a probability in
/// proportion to i^(−1/(γ−1)). How many others a person follows is log-normal.
#[derive(Clone, Copy, Debug)]
pub struct HeavyTailed {
    /// How many people; two or more.
    pub people: u32,
    /// How many others a person follows on average; a little less where that
    /// is not far from all.
    pub mean_followees: f64,
    /// γ of P(followers = k) ∝ k^(−γ); above 2. Twitter's was 2.28 (Kwak et al.,
    /// WWW 2010).
    pub exponent: f64,
}

/// A network that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("a network needs two people, a mean of followees above 0 and an exponent above 2")]
pub struct ImpossibleNetwork;

impl HeavyTailed {
    /// The same network for the same `seed`. Person 0 is the most popular;
    /// popularity says nothing about how many others somebody follows.
    ///
    /// # Errors
    ///
    /// When no network is like this.
    pub fn generate(&self, seed: u64) -> Result<Graph, ImpossibleNetwork> {
        let model = Model::new(self).ok_or(ImpossibleNetwork)?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut follows = Vec::new();
        for follower in 0..self.people {
            let followees = model.followees(follower, &mut random);
            follows.extend(followees.into_iter().map(|followee| (follower, followee)));
        }
        Ok(Graph::new(self.people, &follows))
    }
}

/// What is drawn from.
struct Model {
    people: u32,
    followee_counts: LogNormal<f64>,
    popularity: WeightedAliasIndex<f64>,
}

impl Model {
    fn new(network: &HeavyTailed) -> Option<Self> {
        let possible = network.people >= 2
            && network.mean_followees.is_normal()
            && network.mean_followees > 0.0
            && network.exponent > 2.0;
        if !possible {
            return None;
        }
        // The mean of a log-normal is e^(μ + σ²/2).
        let location = network.mean_followees.ln() - FOLLOWEES_SPREAD.powi(2) / 2.0;
        let power = -1.0 / (network.exponent - 1.0);
        let weights = (1..=network.people).map(|rank| f64::from(rank).powf(power));
        Some(Self {
            people: network.people,
            followee_counts: LogNormal::new(location, FOLLOWEES_SPREAD).ok()?,
            popularity: WeightedAliasIndex::new(weights.collect()).ok()?,
        })
    }

    fn followees(&self, follower: u32, random: &mut impl Rng) -> HashSet<u32> {
        let wanted = self.followee_count(random);
        let mut followees = HashSet::new();
        for _ in 0..wanted.saturating_mul(DRAWS_MAX) {
            if followees.len() >= wanted as usize {
                break;
            }
            let drawn = u32::try_from(self.popularity.sample(random));
            followees.extend(drawn.ok().filter(|&followee| followee != follower));
        }
        followees
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded, positive, and bounded by the number of people"
    )]
    fn followee_count(&self, random: &mut impl Rng) -> u32 {
        let others = f64::from(self.people - 1);
        self.followee_counts.sample(random).round().min(others) as u32
    }
}
