use std::{sync::Arc, time::Instant};

use domain::Role;
use futures_util::{StreamExt, future::join_all, stream};
use testkit::Stack;
use tokio::time::sleep;

use super::{
    SOON,
    pair::{Pair, Place},
    reads::READS,
    standing::Standing,
};
use crate::facts::Facts;

/// Pairs of people that do something at a time.
const AT_ONCE: usize = 8;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// Every standing, to ordinary people and to moderators.
pub(super) struct Scene {
    stack: Stack,
    pairs: Vec<Pair>,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let stack = Stack::builder().patient().start().await;
        let place = Arc::new(Place::set(&stack).await);
        let all = Standing::ALL.into_iter();
        let all = all.flat_map(|standing| [Role::User, Role::Moderator].map(|it| (standing, it)));
        let people = stack.crowd(&place.host, 2 * all.clone().count()).await;
        let meetings = all
            .zip(people.chunks_exact(2))
            .map(|((standing, role), people)| {
                let people = [people[0].clone(), people[1].clone()];
                Pair::meet(&stack, Arc::clone(&place), standing, role, people)
            });
        let pairs = stream::iter(meetings).buffered(AT_ONCE).collect().await;
        Self { stack, pairs }
    }

    pub(super) async fn facts(&self) -> Facts {
        Facts::read(self.stack.mongodb()).await
    }

    /// Lets everything come between those of a pair that is to.
    pub(super) async fn come_between(&self) {
        let pairs = self.pairs.iter();
        let comings = pairs.map(|it| it.standing.come_about(&self.stack, &it.viewer, &it.author));
        join_all(comings).await;
    }

    /// What is not shown as it must be; with `expected`, only of that which must
    /// be shown, or must not.
    pub(super) async fn wrong(&self, facts: &Facts, expected: Option<bool>) -> Vec<String> {
        let looks = self.pairs.iter().map(async |pair| {
            let mut wrong = Vec::new();
            for read in &READS {
                let is_expected = read.is_expected(facts, pair);
                if expected.is_some_and(|only| only != is_expected) {
                    continue;
                }
                if read.is_shown(pair).await != is_expected {
                    let Pair { standing, role, .. } = pair;
                    let not = if is_expected { "not " } else { "" };
                    let name = read.name;
                    wrong.push(format!("{name} is {not}shown to {role:?}: {standing:?}"));
                }
            }
            wrong
        });
        let wrong: Vec<Vec<String>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        wrong.concat()
    }

    /// Waits until everything is shown as it must be.
    pub(super) async fn settled(&self) {
        let (began, facts) = (Instant::now(), self.facts().await);
        loop {
            let wrong = self.wrong(&facts, None).await;
            if wrong.is_empty() {
                return;
            }
            assert!(began.elapsed() < SOON, "{}", wrong.join("\n"));
            sleep(PAUSE).await;
        }
    }
}
