use std::collections::HashSet;

use bson::{Document, doc};
use domain::UserId;
use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Client, Stack, User};

use crate::{auth, crowd, cursors, ids, plant, user};

fn path(owner: &User) -> String {
    format!("/api/users/{}/followers", owner.id)
}

async fn list(client: &Client, owner: &User, query: &str) -> Value {
    let path = format!("{}?{query}", path(owner));
    client.get(&path).await.expect(200)
}

/// Every id that cursors lead to.
async fn all(client: &Client, owner: &User, limit: usize) -> Vec<String> {
    cursors(client, &format!("{}?", path(owner)), limit).await
}

/// Has each follow `owner`, one after the other.
async fn follow_in_turn(followers: &[&Client], owner: &User) {
    for follower in followers {
        let path = format!("/api/users/{}/follow", owner.id);
        follower.post_empty(&path).await.expect(200);
    }
}

async fn three_followers(stack: &Stack) -> (User, [User; 3]) {
    let owner = user(stack, "owner").await;
    let followers = [
        user(stack, "ana").await,
        user(stack, "bo").await,
        user(stack, "cy").await,
    ];
    for follower in &followers {
        follower.follow(&owner).await;
    }
    (owner, followers)
}

#[tokio::test]
async fn the_newest_come_first_with_what_is_between_them_and_the_caller() {
    let stack = auth().await;
    let (owner, [ana, bo, cy]) = three_followers(&stack).await;
    bo.follow(&cy).await;
    ana.follow(&bo).await;
    let page = list(&bo, &owner, "").await;
    assert_eq!(ids(&page), [&cy.id, &bo.id, &ana.id].map(String::as_str));
    assert_eq!(
        (
            &page["page"],
            &page["limit"],
            &page["has_more"],
            &page["next_cursor"]
        ),
        (&1.into(), &20.into(), &false.into(), &Value::Null)
    );
    let items = page["items"].as_array().unwrap();
    assert_eq!(items[0]["relation"]["following"], true);
    assert_eq!(items[0]["followers_count"], 1);
    assert_eq!(items[1]["relation"]["following"], false);
    assert_eq!(items[2]["relation"]["followed_by"], true);
    for item in items {
        assert!(item["username"].is_string());
        assert!(item.get("email").is_none());
    }
}

#[tokio::test]
async fn pages_and_cursors_lead_to_everybody_once() {
    let stack = auth().await;
    let owner = user(&stack, "owner").await;
    let followers = crowd(&stack, 7).await;
    let clients: Vec<&Client> = followers.iter().map(|it| &it.client).collect();
    follow_in_turn(&clients, &owner).await;
    let newest_first: Vec<&str> = followers.iter().rev().map(|it| it.id.as_str()).collect();
    for limit in [1, 2, 3, 6, 7, 8] {
        assert_eq!(all(&owner, &owner, limit).await, newest_first, "{limit}");
    }
    for (query, expected, has_more) in [
        ("page=1&limit=3", &newest_first[..3], true),
        ("page=2&limit=3", &newest_first[3..6], true),
        ("page=3&limit=3", &newest_first[6..], false),
        ("page=4&limit=3", &[][..], false),
        ("page=1&limit=7", &newest_first[..], false),
    ] {
        let page = list(&owner, &owner, query).await;
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page["has_more"], has_more, "{query}");
    }
    let by_name = format!("/api/users/@{}/followers?limit=100", owner.username);
    let page = owner.get(&by_name).await.expect(200);
    assert_eq!(ids(&page), newest_first);
}

#[tokio::test]
async fn whoever_is_hidden_is_left_out_and_pages_are_full_all_the_same() {
    let stack = auth().await;
    let (owner, [ana, bo, cy]) = three_followers(&stack).await;
    let (di, reader) = (user(&stack, "di").await, user(&stack, "reader").await);
    di.follow(&owner).await;
    stack.shadow_ban(&bo).await;
    cy.block(&reader).await;
    let page = list(&reader, &owner, "limit=1").await;
    assert_eq!(ids(&page), [di.id.as_str()]);
    assert_eq!(all(&reader, &owner, 1).await, [&*di.id, &*ana.id]);
    let second = list(&reader, &owner, "page=2&limit=1").await;
    assert_eq!(
        (ids(&second), &second["has_more"]),
        (vec![ana.id.clone()], &false.into())
    );
    reader.block(&ana).await;
    assert_eq!(all(&reader, &owner, 5).await, [&*di.id]);
    // Whoever is shadow-banned sees nothing of it.
    assert_eq!(
        all(&bo, &owner, 5).await,
        [&*di.id, &*cy.id, &*bo.id, &*ana.id]
    );
    stack.make_moderator(&reader).await;
    assert_eq!(all(&reader, &owner, 5).await.len(), 4);
}

#[tokio::test]
async fn a_list_of_which_most_is_hidden_is_gone_through_to_its_end() {
    let stack = auth().await;
    let owner = user(&stack, "owner").await;
    let followers = crowd(&stack, 170).await;
    let pairs = followers.iter().map(|it| (it.id.clone(), owner.id.clone()));
    plant(&stack, pairs, "accepted").await;
    let is_seen = |at: usize| at.is_multiple_of(55);
    let hidden = (0..170).filter(|at| !is_seen(*at));
    let hidden: Vec<UserId> = hidden.map(|at| followers[at].id.parse().unwrap()).collect();
    let users = stack.mongodb().collection::<Document>("users");
    let ban = doc! { "$set": { "isShadowBanned": true } };
    users
        .update_many(doc! { "_id": { "$in": hidden } }, ban)
        .await
        .unwrap();
    let seen = (0..170).rev().filter(|at| is_seen(*at));
    let seen: Vec<&str> = seen.map(|at| followers[at].id.as_str()).collect();
    assert_eq!(seen.len(), 4);
    for limit in [1, 2, 3, 4, 5] {
        assert_eq!(all(&owner, &owner, limit).await, seen, "{limit}");
    }
    let second = list(&owner, &owner, "page=2&limit=3").await;
    assert_eq!(
        (ids(&second), &second["has_more"]),
        (vec![seen[3].to_owned()], &false.into())
    );
}

#[tokio::test]
async fn the_followers_of_a_private_account_are_for_its_followers() {
    let stack = auth().await;
    let (owner, [ana, ..]) = three_followers(&stack).await;
    let (stranger, asking) = (user(&stack, "stranger").await, user(&stack, "asking").await);
    owner.make_private().await;
    asking.follow(&owner).await;
    for refused in [&stranger, &asking] {
        let answer = refused.get(&path(&owner)).await;
        answer.expect_problem(404, "account_private");
    }
    for allowed in [&owner, &ana] {
        // Whoever only asks is none of them.
        assert_eq!(ids(&list(allowed, &owner, "").await).len(), 3);
    }
    stack.make_moderator(&stranger).await;
    assert_eq!(ids(&list(&stranger, &owner, "").await).len(), 3);
}

#[tokio::test]
async fn the_followers_of_whoever_is_hidden_are_hidden() {
    let stack = auth().await;
    let (owner, [ana, bo, cy]) = three_followers(&stack).await;
    owner.block(&ana).await;
    bo.block(&owner).await;
    for refused in [&ana, &bo] {
        let answer = refused.get(&path(&owner)).await;
        answer.expect_problem(404, "user_not_found");
    }
    stack.suspend(&owner).await;
    let answer = cy.get(&path(&owner)).await;
    answer.expect_problem(404, "user_not_found");
    for nobody in ["000000000000000000000000", "@nobody", "nobody"] {
        let answer = cy.get(&format!("/api/users/{nobody}/followers")).await;
        answer.expect_problem(404, "user_not_found");
    }
}

#[tokio::test]
async fn a_list_asked_for_wrongly_is_refused() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for (query, status, code) in [
        ("limit=0", 422, "validation_failed"),
        ("limit=101", 422, "validation_failed"),
        ("page=0", 422, "validation_failed"),
        ("cursor=nonsense", 400, "invalid_cursor"),
        ("cursor=MQ", 400, "invalid_cursor"),
        ("cursor=IngyIg&page=1", 400, "page_and_cursor"),
    ] {
        let answer = ana.get(&format!("{}?{query}", path(&ana))).await;
        answer.expect_problem(status, code);
    }
}

/// Those who stay are met exactly once, whoever comes and goes meanwhile.
#[tokio::test]
async fn cursors_stay_in_place_while_others_follow_and_unfollow() {
    let stack = auth().await;
    let owner = user(&stack, "owner").await;
    let staying = crowd(&stack, 30).await;
    let restless = crowd(&stack, 10).await;
    let mut clients: Vec<&Client> = staying.iter().map(|it| &it.client).collect();
    for (at, client) in restless.iter().map(|it| &it.client).enumerate() {
        clients.insert(at * 4, client);
    }
    follow_in_turn(&clients, &owner).await;
    let path = format!("/api/users/{}/follow", owner.id);
    let disturb = async {
        for _ in 0..3 {
            join_all(restless.iter().map(|it| it.delete(&path))).await;
            join_all(restless.iter().map(|it| it.post_empty(&path))).await;
        }
    };
    let read = async {
        let expected: Vec<&str> = staying.iter().rev().map(|it| it.id.as_str()).collect();
        let expected_set: HashSet<&str> = expected.iter().copied().collect();
        for _ in 0..4 {
            let found = all(&owner, &owner, 3).await;
            let mut stayed = found.clone();
            stayed.retain(|id| expected_set.contains(id.as_str()));
            assert_eq!(stayed, expected);
            let distinct: HashSet<&String> = found.iter().collect();
            assert_eq!(distinct.len(), found.len());
        }
    };
    tokio::join!(disturb, read);
}
