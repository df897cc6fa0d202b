use bson::{Document, doc};
use domain::UserId;
use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Stack, User};

use crate::{auth, counted, crowd, cursors, ids, plant, user};

const PATH: &str = "/api/users/suggestions";

/// Ids with how many friends follow them.
fn counts(items: &[Value]) -> Vec<(&str, i64)> {
    let count = |item: &'_ Value| item["mutual_count"].as_i64().unwrap();
    items
        .iter()
        .map(|item| (item["_id"].as_str().unwrap(), count(item)))
        .collect()
}

async fn people<const N: usize>(stack: &Stack, names: [&str; N]) -> [User; N] {
    let people = names.map(|name| user(stack, name));
    let people = join_all(people).await;
    people.try_into().ok().unwrap()
}

#[tokio::test]
async fn whom_most_friends_follow_comes_first() {
    let stack = auth().await;
    let names = ["ana", "bo", "cy", "di", "ed", "flo", "gus"];
    let [ana, bo, cy, di, ed, flo, gus] = people(&stack, names).await;
    for friend in [&bo, &cy] {
        ana.follow(friend).await;
        friend.follow(&di).await;
        friend.follow(&ana).await;
    }
    bo.follow(&cy).await;
    cy.follow(&ed).await;
    // Of the most followed, those whom no friend follows.
    for fan in [&di, &ed] {
        fan.follow(&flo).await;
    }
    di.follow(&gus).await;
    counted(&stack).await;
    let items = ana.list(PATH).await;
    let expected = [(&*di.id, 2), (&*ed.id, 1), (&*flo.id, 0), (&*gus.id, 0)];
    assert_eq!(counts(&items), expected);
    assert_eq!(items[0]["relation"]["following"], false);
    for limit in [1, 2, 3, 4] {
        let found = cursors(&ana, &format!("{PATH}?"), limit).await;
        assert_eq!(found, expected.map(|(id, _)| id), "{limit}");
    }
    let page = ana.get(&format!("{PATH}?page=2&limit=3")).await;
    assert_eq!(ids(&page.expect(200)), [&*gus.id]);
}

#[tokio::test]
async fn whoever_is_known_or_hidden_is_not_suggested() {
    let stack = auth().await;
    let [ana, bo, seen] = people(&stack, ["ana", "bo", "seen"]).await;
    let names = [
        "asked",
        "blocked",
        "blocker",
        "muted",
        "banned",
        "suspended",
    ];
    let hidden = people(&stack, names).await;
    ana.follow(&bo).await;
    for other in hidden.iter().chain([&seen]) {
        bo.follow(other).await;
    }
    let [asked, blocked, blocks, muted, banned, suspended] = &hidden;
    asked.make_private().await;
    seen.make_private().await;
    ana.follow(asked).await;
    ana.block(blocked).await;
    blocks.block(&ana).await;
    ana.mute(muted).await;
    stack.shadow_ban(banned).await;
    stack.suspend(suspended).await;
    counted(&stack).await;
    stack.make_moderator(&ana).await;
    assert_eq!(counts(&ana.list(PATH).await), [(&*seen.id, 1)]);
}

#[tokio::test]
async fn a_friend_who_is_hidden_suggests_nobody() {
    let stack = auth().await;
    let [ana, bo, cy] = people(&stack, ["ana", "bo", "cy"]).await;
    ana.follow(&bo).await;
    bo.follow(&cy).await;
    counted(&stack).await;
    stack.shadow_ban(&bo).await;
    assert_eq!(counts(&ana.list(PATH).await), [(&*cy.id, 0)]);
}

#[tokio::test]
async fn however_many_there_are_the_newest_decide() {
    let stack = auth().await;
    let [ana, bo] = people(&stack, ["ana", "bo"]).await;
    ana.follow(&bo).await;
    let crowd = crowd(&stack, 60).await;
    let from_bo = crowd.iter().map(|it| (bo.id.clone(), it.id.clone()));
    plant(&stack, from_bo, "accepted").await;
    let mut found = cursors(&ana, &format!("{PATH}?"), 7).await;
    let mut newest: Vec<&str> = crowd[10..].iter().map(|it| it.id.as_str()).collect();
    found.sort();
    newest.sort_unstable();
    assert_eq!(found, newest);
    // Nonsense in an old counter is no reason to be suggested.
    let old: UserId = crowd[0].id.parse().unwrap();
    let users = stack.mongodb().collection::<Document>("users");
    let nonsense = doc! { "$set": { "followers_count": "many" } };
    users
        .update_one(doc! { "_id": old }, nonsense)
        .await
        .unwrap();
    assert_eq!(cursors(&ana, &format!("{PATH}?"), 50).await.len(), 50);
}
