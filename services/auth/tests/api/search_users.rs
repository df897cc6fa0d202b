use std::collections::HashSet;

use bson::{Document, doc};
use domain::UserId;
use serde_json::{Value, json};
use testkit::{Client, Stack, User};

use crate::{auth, crowd, cursors, ids, user};

async fn search(client: &Client, text: &str) -> Value {
    let path = format!("/api/users/search?{text}");
    client.get(&path).await.expect(200)
}

async fn found(client: &Client, text: &str) -> Vec<String> {
    ids(&search(client, &format!("q={text}")).await)
}

async fn call(user: &User, full_name: &str) {
    let name = json!({ "full_name": full_name });
    user.patch("/api/users/me", &name).await.expect(200);
}

#[tokio::test]
async fn accounts_are_found_by_how_their_names_begin() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    call(&ana, "Žofie Straßer").await;
    call(&bo, "Zoë Müller-Lüdenscheidt").await;
    for (text, expected) in [
        ("%C5%BDofie", vec![&ana]),
        ("%C5%BEo", vec![&ana]),
        ("STRASS", vec![&ana]),
        ("stra%C3%9Fer%20%C5%BEof", vec![&ana]),
        ("m%C3%BCller%20zo%C3%AB", vec![&bo]),
        ("zo%C3%AB%20stra", vec![]),
        ("l%C3%BCden", vec![&bo]),
        ("denscheidt", vec![]),
        ("%F0%9F%99%82", vec![]),
    ] {
        let expected: Vec<&str> = expected.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(found(&bo, text).await, expected, "{text}");
    }
    let name = &ana.username;
    for text in [
        name,
        &name.to_uppercase(),
        &format!("%40{name}"),
        &name[..8].to_owned(),
    ] {
        assert_eq!(found(&bo, text).await, [&*ana.id], "{text}");
    }
    // One finds oneself, with everything that is shown of others.
    let page = search(&bo, &format!("q={}", bo.username)).await;
    assert_eq!(page["items"][0]["relation"]["following"], false);
    assert!(page["items"][0].get("email").is_none());
}

#[tokio::test]
async fn old_names_find_nobody() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    call(&ana, "Petronella").await;
    assert_eq!(found(&ana, "petron").await, [&*ana.id]);
    let both = json!({ "username": "quasimodo", "full_name": "Esmeralda" });
    ana.patch("/api/users/me", &both).await.expect(200);
    for old in ["petron", &ana.username] {
        assert!(found(&ana, old).await.is_empty(), "{old}");
    }
    for new in ["quasi", "esmeralda", "esmeralda%20quasimodo"] {
        assert_eq!(found(&ana, new).await, [&*ana.id], "{new}");
    }
}

#[tokio::test]
async fn whoever_has_the_text_as_their_username_comes_first() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    for user in [&ana, &bo] {
        call(user, "Rosamunde Rosa").await;
    }
    let name = json!({ "username": "rosamunde", "full_name": "x" });
    cy.patch("/api/users/me", &name).await.expect(200);
    assert_eq!(found(&ana, "Rosamunde").await, [&*cy.id, &*ana.id, &*bo.id]);
    for limit in [1, 2, 3] {
        let paged = cursors(&ana, "/api/users/search?q=rosamunde&", limit).await;
        assert_eq!(paged, [&*cy.id, &*ana.id, &*bo.id], "{limit}");
    }
    // Shorter words come first, and an account that has two of them once.
    let paged = cursors(&ana, "/api/users/search?q=rosa&", 1).await;
    assert_eq!(paged, [&*ana.id, &*bo.id, &*cy.id]);
}

#[tokio::test]
async fn whoever_is_hidden_is_not_found() {
    let stack = auth().await;
    let reader = user(&stack, "reader").await;
    let hidden = [
        user(&stack, "banned").await,
        user(&stack, "suspended").await,
        user(&stack, "blocks").await,
        user(&stack, "blocked").await,
    ];
    let (muted, private) = (user(&stack, "muted").await, user(&stack, "private").await);
    for user in hidden.iter().chain([&muted, &private]) {
        call(user, "Wilhelmina").await;
    }
    let [banned, suspended, blocks, blocked] = &hidden;
    stack.shadow_ban(banned).await;
    stack.suspend(suspended).await;
    blocks.block(&reader).await;
    reader.block(blocked).await;
    reader.mute(&muted).await;
    private.make_private().await;
    let seen = [&*muted.id, &*private.id];
    assert_eq!(found(&reader, "wilhelmina").await, seen);
    for user in &hidden {
        assert!(found(&reader, &user.username).await.is_empty());
    }
    // Whoever is shadow-banned sees nothing of it.
    assert_eq!(found(banned, &banned.username).await, [&*banned.id]);
}

#[tokio::test]
async fn a_text_that_is_none_is_refused() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let long = "a".repeat(65);
    for query in ["", "q=", "q=%20", &format!("q={long}"), "q=a&limit=0"] {
        let path = format!("/api/users/search?{query}");
        let refused = ana.get(&path).await;
        refused.expect_problem(422, "validation_failed");
    }
    for (query, code) in [
        ("q=a&cursor=x", "invalid_cursor"),
        ("q=a&q=b", "invalid_query"),
    ] {
        let refused = ana.get(&format!("/api/users/search?{query}")).await;
        refused.expect_problem(400, code);
    }
}

/// Plants accounts that have the word and are hidden, but for some.
async fn plant_hidden(stack: &Stack, count: usize, is_seen: impl Fn(usize) -> bool) -> Vec<String> {
    let people = crowd(stack, count).await;
    let users = stack.mongodb().collection::<Document>("users");
    let ids: Vec<UserId> = people.iter().map(|it| it.id.parse().unwrap()).collect();
    let word = doc! { "$set": { "search_words": ["multitude"] } };
    let all = doc! { "_id": { "$in": &ids } };
    users.update_many(all, word).await.unwrap();
    let hidden = (0..count).filter(|at| !is_seen(*at)).map(|at| ids[at]);
    let hidden = doc! { "_id": { "$in": hidden.collect::<Vec<_>>() } };
    let ban = doc! { "$set": { "isShadowBanned": true } };
    users.update_many(hidden, ban).await.unwrap();
    let seen = (0..count).filter(|at| is_seen(*at));
    seen.map(|at| people[at].id.clone()).collect()
}

#[tokio::test]
async fn a_page_that_would_take_too_long_ends_early_and_the_next_goes_on() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let seen = plant_hidden(&stack, 2_500, |at| at % 1_200 == 1_100).await;
    let first = search(&ana, "q=multitude&limit=5").await;
    assert_eq!(ids(&first), seen[..1]);
    assert_eq!(first["has_more"], true);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = search(&ana, &format!("q=multitude&limit=5&cursor={cursor}")).await;
    assert_eq!(ids(&second), seen[1..]);
    assert_eq!(second["has_more"], false);
}

/// Those who stay are met exactly once and in order, whoever comes and goes.
#[tokio::test]
async fn cursors_stay_in_place_while_others_change_their_names() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let staying = plant_hidden(&stack, 40, |_| true).await;
    let restless = [user(&stack, "bo").await, user(&stack, "cy").await];
    let disturb = async {
        for name in ["multitude one", "zed", "multituda", "multitudes", "x"] {
            for user in &restless {
                call(user, name).await;
            }
        }
    };
    let read = async {
        let expected: HashSet<&String> = staying.iter().collect();
        for _ in 0..4 {
            let found = cursors(&ana, "/api/users/search?q=multi&", 3).await;
            let mut stayed = found.clone();
            stayed.retain(|id| expected.contains(id));
            assert_eq!(stayed, staying);
        }
    };
    tokio::join!(disturb, read);
}
