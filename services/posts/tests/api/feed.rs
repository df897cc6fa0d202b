use std::collections::{BTreeSet, HashSet};

use bson::{DateTime, Document, doc, oid::ObjectId};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use testkit::{Stack, User};

use crate::{
    follower_and_author, ids,
    paging::{all_pages, by_cursor, by_page},
    planted,
};

#[tokio::test]
async fn it_has_own_posts_and_those_of_followed_accounts_newest_first() {
    let stack = Stack::start().await;
    let (ana, bo) = follower_and_author(&stack).await;
    let cy = stack.user("cy").await;
    let first = bo.publish("first").await;
    cy.publish("of a stranger").await;
    let second = ana.publish("second").await;
    let third = bo.publish("third").await;
    assert_eq!(ana.feed().await, [third.clone(), second, first.clone()]);
    assert_eq!(bo.feed().await, [third, first]);
}

#[tokio::test]
async fn a_request_that_is_not_accepted_brings_nothing() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    bo.make_private().await;
    bo.publish("for friends").await;
    assert_eq!(ana.follow(&bo).await["requested"], true);
    assert!(ana.feed().await.is_empty());
}

/// Who follows, blocks and mutes whom, and what was posted.
struct World {
    users: Vec<User>,
    follows: HashSet<(usize, usize)>,
    blocks: HashSet<(usize, usize)>,
    mutes: HashSet<(usize, usize)>,
    banned: HashSet<usize>,
    /// When, by whom, and what; not the deleted ones.
    posts: BTreeSet<(i64, ObjectId, usize)>,
}

impl World {
    async fn random(stack: &Stack, random: &mut StdRng) -> Self {
        const PEOPLE: usize = 6;
        let mut world = Self {
            users: Vec::new(),
            follows: HashSet::new(),
            blocks: HashSet::new(),
            mutes: HashSet::new(),
            banned: HashSet::new(),
            posts: BTreeSet::new(),
        };
        for n in 0..PEOPLE {
            world.users.push(stack.user(&format!("u{n}")).await);
        }
        let pairs = (0..PEOPLE).flat_map(|a| (0..PEOPLE).map(move |b| (a, b)));
        let pairs = pairs.filter(|(a, b)| a != b);
        for (a, b) in pairs.clone() {
            if random.random_bool(0.6) {
                world.users[a].follow(&world.users[b]).await;
                world.follows.insert((a, b));
            }
        }
        // Nobody can do anything about whoever blocks them.
        for (a, b) in pairs {
            let (from, to) = (&world.users[a], &world.users[b]);
            if world.blocks.contains(&(b, a)) {
                continue;
            }
            if random.random_bool(0.1) {
                from.block(to).await;
                world.blocks.insert((a, b));
                for pair in [(a, b), (b, a)] {
                    world.follows.remove(&pair);
                }
            }
            if random.random_bool(0.1) {
                from.mute(to).await;
                world.mutes.insert((a, b));
            }
        }
        for n in 0..PEOPLE {
            if random.random_bool(0.15) {
                stack.shadow_ban(&world.users[n]).await;
                world.banned.insert(n);
            } else if random.random_bool(0.3) {
                // Whoever follows already was accepted.
                world.users[n].make_private().await;
            }
        }
        world.post(stack, random).await;
        world
    }

    async fn post(&mut self, stack: &Stack, random: &mut StdRng) {
        let mut documents = Vec::new();
        for _ in 0..80 {
            let author = random.random_range(0..self.users.len());
            // Few moments, so that many posts share one.
            let millis = 1_700_000_000_000 + random.random_range(0..20_i64);
            let mut post = planted::post(planted::oid(&self.users[author]), millis);
            if random.random_bool(0.2) {
                post.insert("deleted_at", DateTime::now());
            } else {
                let id = post.get_object_id("_id").unwrap();
                self.posts.insert((millis, id, author));
            }
            documents.push(post);
        }
        planted::posts(stack).insert_many(documents).await.unwrap();
    }

    fn feed_of(&self, viewer: usize) -> Vec<String> {
        let is_seen = |author: usize| {
            let pair = (viewer, author);
            author == viewer
                || self.follows.contains(&pair)
                    && !self.banned.contains(&author)
                    && !self.mutes.contains(&pair)
                    && !self.blocks.contains(&pair)
                    && !self.blocks.contains(&(author, viewer))
        };
        let newest = self.posts.iter().rev();
        newest
            .filter(|(_, _, author)| is_seen(*author))
            .map(|(_, id, _)| id.to_hex())
            .collect()
    }
}

#[tokio::test]
async fn it_is_what_a_naive_model_of_the_rules_says() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let stack = Stack::start().await;
    let world = World::random(&stack, &mut random).await;
    for (n, user) in world.users.iter().enumerate() {
        let expected = world.feed_of(n);
        let path = "/api/posts/feed";
        assert_eq!(all_pages(user, path, 3, by_cursor).await, expected);
        assert_eq!(all_pages(user, path, 7, by_page).await, expected);
    }
}

#[tokio::test]
async fn hundreds_of_followed_accounts_are_merged_in_order() {
    const FOLLOWED: usize = 450;
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let (mut users, mut follows, mut posts) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..FOLLOWED {
        let author = ObjectId::new();
        users.push(
            doc! { "_id": author, "username": format!("a{n}"), "username_lower": format!("a{n}") },
        );
        follows.push(doc! {
            "_id": ObjectId::new(), "follower_id": planted::oid(&ana), "followee_id": author,
            "status": "accepted", "created_at": DateTime::now(),
        });
        for m in 0..2_i64 {
            // Neighbours in time are far apart in the list of authors.
            let millis = i64::try_from(n * 7_919 % 1_000).unwrap() * 10 + m;
            posts.push((millis, planted::post(author, millis)));
        }
    }
    let insert = async |name: &str, documents: Vec<Document>| {
        let collection = stack.mongodb().collection::<Document>(name);
        collection.insert_many(documents).await.unwrap();
    };
    insert("users", users).await;
    insert("follows", follows).await;
    let mut expected: Vec<_> = posts
        .iter()
        .map(|(millis, post)| (*millis, post.get_object_id("_id").unwrap()))
        .collect();
    insert("posts", posts.into_iter().map(|(_, post)| post).collect()).await;
    expected.sort_unstable();
    let expected: Vec<String> = expected.iter().rev().map(|(_, id)| id.to_hex()).collect();
    assert_eq!(
        all_pages(&ana, "/api/posts/feed", 100, by_cursor).await,
        expected
    );
    let fifth = ana.get("/api/posts/feed?page=5&limit=60").await.expect(200);
    let fifth: &Vec<Value> = fifth["items"].as_array().unwrap();
    assert_eq!(ids(fifth), expected[240..300]);
}
