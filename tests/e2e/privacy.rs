//! Whatever there is to read, people see of each other what the product's one
//! predicate says, and whoever is hidden from everybody cannot tell.

mod likeness;
mod pair;
mod reads;
mod scene;
mod standing;
mod twins;

use std::time::Duration;

use contracts::jobs::v1::NotificationKind;
use domain::visibility::Sight;
use futures_util::future::join_all;
use testkit::{Notifications, Stack, User, eventually};

use crate::facts::Facts;
use scene::Scene;
use standing::Standing;

/// Long enough for what happens behind an answer.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_shows_what_the_predicate_allows() {
    let scene = Box::pin(Scene::set()).await;
    // Where nothing stands between them yet: what is never shown proves nothing.
    scene.settled().await;
    scene.come_between().await;
    let facts = scene.facts().await;
    let leaks = scene.wrong(&facts, Some(false)).await;
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_that_they_are_mentioned_where_they_may_not_look() {
    let stack = Stack::builder().patient().start().await;
    let notifications = Notifications::of(stack.sandbox()).await;
    let host = stack.user("host").await;
    let place = host.publish("anybody may say something here").await;
    let standings = Standing::ALL
        .into_iter()
        .filter(|it| it.lets_the_author_act());
    let crowd = stack.crowd(&host, 2 * Standing::ALL.len()).await;
    let people = standings
        .zip(crowd.chunks_exact(2))
        .map(async |(standing, people)| {
            let [viewer, author] = [people[0].clone(), people[1].clone()];
            if standing.begins_with_a_follow() {
                viewer.follow(&author).await;
            }
            standing.come_about(&stack, &viewer, &author).await;
            let text = format!("what do you think, @{}?", viewer.username);
            author.publish(&text).await;
            author.comment(&place, &text).await;
            // Mentions of one author are told in their order.
            author
                .publish(&format!("@{} is told last", host.username))
                .await;
            (standing, viewer, author)
        });
    let people: Vec<(Standing, User, User)> = join_all(people).await;

    let facts = Facts::read(stack.mongodb()).await;
    let told_apart = [
        Sight::Content { is_deleted: false },
        Sight::Comment { is_deleted: false },
    ];
    let mut wrong = Vec::new();
    eventually(SOON, async || {
        wrong.clear();
        for (standing, viewer, author) in &people {
            let [viewer_id, author_id] = [viewer, author].map(|it| it.id.parse().unwrap());
            let told = notifications.told(viewer, NotificationKind::Mention);
            for (sight, comment) in told_apart.into_iter().zip([false, true]) {
                let expected = facts.allow(viewer_id, author_id, sight);
                let of_it = told.iter().filter(|it| it.comment_id.is_empty() != comment);
                if of_it.count() != usize::from(expected) {
                    wrong.push(format!("{standing:?}, {sight:?}: {expected} and {told:?}"));
                }
            }
        }
        wrong.is_empty()
    })
    .await;
}
