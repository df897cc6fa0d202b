//! What people might want next, by what they were told so far.

use std::collections::BTreeSet;

use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use testkit::Response;

use super::step::{Post, Step};

/// Pages that somebody looks at between two changes: limits, and how deep.
const LOOKS: [(usize, usize); 5] = [(20, 1), (20, 1), (20, 3), (7, 4), (50, 2)];

/// What there is, as far as the answers tell. It need not be exact: it only
/// lets wishes be such as make a difference.
#[derive(Default)]
pub(super) struct Known {
    people: usize,
    follows: BTreeSet<(usize, usize)>,
    blocks: BTreeSet<(usize, usize)>,
    mutes: BTreeSet<(usize, usize)>,
    private: BTreeSet<usize>,
    banned: BTreeSet<usize>,
    suspended: BTreeSet<usize>,
    posts: Vec<Post>,
}

impl Known {
    pub(super) fn new(people: usize) -> Self {
        Self {
            people,
            ..Self::default()
        }
    }

    /// Up to four things that happen at the same time.
    pub(super) fn wishes(&mut self, dice: &mut StdRng) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..dice.random_range(1..=4) {
            let step = self.wish(dice);
            self.expect(&step);
            steps.push(step);
        }
        steps
    }

    fn wish(&self, dice: &mut StdRng) -> Step {
        loop {
            if let Some(step) = self.idea(dice) {
                return step;
            }
        }
    }

    /// Follows and unfollows come out at about four followers each: around the limit.
    fn idea(&self, dice: &mut StdRng) -> Option<Step> {
        let (by, of) = self.pair(dice);
        let is_new = |pairs: &BTreeSet<_>| !pairs.contains(&(by, of));
        let post = |dice: &mut StdRng| self.posts.choose(dice).cloned();
        Some(match dice.random_range(0..100) {
            0..14 => Step::Follow(by, of),
            14..24 => {
                let (by, of) = one_of(&self.follows, dice)?;
                Step::Unfollow(by, of)
            }
            24..40 => Step::Publish(self.author(dice)),
            40..45 => Step::Delete(post(dice)?),
            45..48 => Step::Edit(post(dice)?),
            48..54 => Step::Like(by, post(dice)?),
            54..56 => Step::Unlike(by, post(dice)?),
            56..58 => Step::Rename(by),
            58..60 if is_new(&self.blocks) => Step::Block(by, of),
            60..63 => {
                let (by, of) = one_of(&self.blocks, dice)?;
                Step::Unblock(by, of)
            }
            63..65 if is_new(&self.mutes) => Step::Mute(by, of),
            65..68 => {
                let (by, of) = one_of(&self.mutes, dice)?;
                Step::Unmute(by, of)
            }
            68..70 => Step::GoPrivate(by),
            70..73 => Step::GoPublic(one_of(&self.private, dice)?),
            73..74 => Step::ShadowBan(by),
            74..76 => Step::LiftShadowBan(one_of(&self.banned, dice)?),
            76..77 => Step::Suspend(by),
            77..79 => Step::Reinstate(one_of(&self.suspended, dice)?),
            79..100 => self.look(dice),
            _ => return None,
        })
    }

    /// Half of the people look at their feed all the time.
    fn look(&self, dice: &mut StdRng) -> Step {
        let reader = dice.random_range(0..self.people.div_ceil(2));
        let (limit, depth) = LOOKS[dice.random_range(0..LOOKS.len())];
        Step::Look(reader, limit, dice.random_range(1..=depth))
    }

    /// Anybody, or as often whoever is followed most: there is somebody who is read
    /// and not written.
    fn author(&self, dice: &mut StdRng) -> usize {
        let star = self.star().filter(|_| dice.random_bool(0.5));
        star.unwrap_or_else(|| dice.random_range(0..self.people))
    }

    /// Whoever has most followers of those who may post.
    fn star(&self) -> Option<usize> {
        let free = (0..self.people).filter(|who| !self.suspended.contains(who));
        free.max_by_key(|who| self.followers(*who).count())
    }

    fn followers(&self, of: usize) -> impl Iterator<Item = &(usize, usize)> {
        self.follows.iter().filter(move |(_, to)| *to == of)
    }

    fn pair(&self, dice: &mut StdRng) -> (usize, usize) {
        let by = dice.random_range(0..self.people);
        let of = (by + dice.random_range(1..self.people)) % self.people;
        (by, of)
    }

    /// Everybody comes to follow somebody, who posts.
    pub(super) fn rise(&self, dice: &mut StdRng) -> Vec<Step> {
        let star = self.free(dice);
        let others = (0..self.people).filter(|by| *by != star);
        let mut steps = vec![Step::GoPublic(star)];
        steps.extend(others.map(|by| Step::Follow(by, star)));
        steps.push(Step::Publish(star));
        steps
    }

    /// All but two followers leave whoever has most of them, who posts.
    pub(super) fn fall(&self, dice: &mut StdRng) -> Vec<Step> {
        let star = self.star().unwrap_or_else(|| self.free(dice));
        let leaving = self.followers(star).skip(2);
        let mut steps: Vec<Step> = leaving.map(|(by, of)| Step::Unfollow(*by, *of)).collect();
        steps.push(Step::Publish(star));
        steps
    }

    /// Somebody who may post.
    fn free(&self, dice: &mut StdRng) -> usize {
        loop {
            let who = dice.random_range(0..self.people);
            if !self.suspended.contains(&who) {
                return who;
            }
        }
    }

    /// Takes note of what is not asked for, and so cannot be refused.
    fn expect(&mut self, step: &Step) {
        match *step {
            Step::ShadowBan(who) => self.banned.insert(who),
            Step::LiftShadowBan(who) => self.banned.remove(&who),
            Step::Suspend(who) => self.suspended.insert(who),
            Step::Reinstate(who) => self.suspended.remove(&who),
            _ => false,
        };
    }

    /// Takes note of what was answered.
    pub(super) fn hear(&mut self, step: &Step, answer: &Response) {
        match (step, answer.status) {
            (Step::Follow(by, of), 200) if answer.json()["following"] == true => {
                self.follows.insert((*by, *of));
            }
            (Step::Unfollow(by, of), 200) => {
                self.follows.remove(&(*by, *of));
            }
            (Step::Block(by, of), 204) => {
                self.blocks.insert((*by, *of));
                for pair in [(*by, *of), (*of, *by)] {
                    self.follows.remove(&pair);
                }
            }
            (Step::Unblock(by, of), 204) => {
                self.blocks.remove(&(*by, *of));
            }
            (Step::Mute(by, of), 204) => {
                self.mutes.insert((*by, *of));
            }
            (Step::Unmute(by, of), 204) => {
                self.mutes.remove(&(*by, *of));
            }
            (Step::GoPrivate(who), 200) => {
                self.private.insert(*who);
            }
            (Step::GoPublic(who), 200) => {
                self.private.remove(who);
            }
            (Step::Publish(by), 201) => self.posts.push(Post {
                author: *by,
                id: answer.json()["_id"].as_str().unwrap().to_owned(),
            }),
            (Step::Delete(post), 204) => self.posts.retain(|it| it != post),
            _ => {}
        }
    }
}

fn one_of<T: Copy>(set: &BTreeSet<T>, dice: &mut StdRng) -> Option<T> {
    let at = dice.random_range(0..set.len().max(1));
    set.iter().nth(at).copied()
}
