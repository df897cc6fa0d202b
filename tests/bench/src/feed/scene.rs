//! Who is there, whom they follow, and what has been posted.

use std::net::SocketAddr;

use anyhow::Context;
use cache::{Cache, redis};
use domain::{PostId, UserId};
use serde_json::{Value, json};

use super::Options;
use crate::{
    http::{Request, ask},
    load,
    network::{plant_follows, plant_posts},
    people::{Author, Person, plant},
    program::Program,
    report::{Report, Round},
    stack::Stack,
};

/// Authors whom every reader follows.
const AUTHORS: usize = 50;
/// Of them, those whom the other followers follow.
const FEW: usize = 4;
/// Posts of each.
const POSTS: usize = 20;
/// Characters of a post: a page of 20 comes to some 15 KB.
const LENGTH: usize = 350;
/// Followers of the author who has few.
const QUIET: usize = 20;
/// Keys deleted in one command.
const CHUNK: usize = 1_000;

/// A deployment with people in it.
pub(super) struct Scene<'a> {
    pub(super) stack: &'a Stack,
    pub(super) options: &'a Options,
    pub(super) cache: Cache,
    /// Those who follow the author with the most followers.
    pub(super) followers: Vec<Person>,
    /// The author with the most followers, and the one with a tenth of them.
    pub(super) popular: [Person; 2],
    /// An author whom the first few follow.
    pub(super) quiet: (Person, usize),
    /// People who have nothing to do with the others.
    pub(super) strangers: Vec<Person>,
    /// What the others have posted.
    pub(super) posts: Vec<PostId>,
}

impl<'a> Scene<'a> {
    /// Puts everybody in, and as many `strangers`.
    pub(super) async fn set(
        stack: &'a Stack,
        options: &'a Options,
        strangers: u32,
    ) -> anyhow::Result<Self> {
        let followers = options.followers.max(options.readers).max(QUIET);
        let count = u32::try_from(followers + AUTHORS)? + strangers;
        let model = stack.register("model").await?;
        let mut people = plant(&stack.store, &stack.signer, &model, count).await?;
        let strangers = people.split_off(followers + AUTHORS);
        let authors = people.split_off(followers);
        let authors: Vec<UserId> = authors.into_iter().map(|author| author.id).collect();
        let Author(most) = stack.register("most").await?;
        let Author(many) = stack.register("many").await?;
        let Author(quiet) = stack.register("quiet").await?;

        let mut follows = Vec::new();
        for (n, person) in people.iter().enumerate() {
            let of_authors = if n < options.readers { AUTHORS } else { FEW };
            let followed = authors.iter().take(of_authors).copied();
            follows.extend(followed.map(|author| (person.id, author)));
            follows.push((person.id, most.id));
            follows.extend((n < followers / 10).then_some((person.id, many.id)));
            follows.extend((n < QUIET).then_some((person.id, quiet.id)));
        }
        plant_follows(&stack.store, &follows).await?;
        let scene = Self {
            stack,
            options,
            cache: stack.redis()?,
            posts: plant_posts(&stack.store, &authors, POSTS, LENGTH).await?,
            followers: people,
            popular: [most, many],
            quiet: (quiet, QUIET),
            strangers,
        };
        // What was counted is not in the copies that were made at the registration.
        scene.forget("user:*").await?;
        Ok(scene)
    }

    /// Those whose feeds are read.
    pub(super) fn readers(&self) -> &[Person] {
        let readers = self.followers.get(..self.options.readers);
        readers.unwrap_or(&self.followers)
    }

    /// Sends `requests` to `door` and adds to `report` what that took.
    pub(super) async fn load(
        &self,
        subject: &str,
        door: SocketAddr,
        requests: Vec<Request>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let before = self.stack.usage(&[])?;
        let timing = load::send(door, self.options.connections, requests).await?;
        let used = self.stack.usage(&[])?.since(&before);
        report.add(subject, Round::timed(&timing, used))
    }

    /// Has each of `people` read their feed, so that they have a timeline.
    pub(super) async fn read_feeds(&self, people: &[Person]) -> anyhow::Result<()> {
        let requests = people.iter().map(feed_request).collect();
        load::send(self.stack.posts.http, self.options.connections, requests).await?;
        Ok(())
    }

    /// Deletes the keys like `pattern` in Redis.
    pub(super) async fn forget(&self, pattern: &str) -> anyhow::Result<()> {
        let mut connection = self.cache.own().await?;
        let mut cursor = 0;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern);
            scan.arg("COUNT").arg(CHUNK);
            let found: (u64, Vec<String>) = scan.query_async(&mut connection).await?;
            if !found.1.is_empty() {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(found.1).exec_async(&mut connection).await?;
            }
            cursor = found.0;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Deletes every page of a feed: keys `feed:`, 24 digits, a number.
    pub(super) async fn forget_pages(&self) -> anyhow::Result<()> {
        self.forget(&format!("feed:{}:*", "?".repeat(24))).await
    }

    /// What the processes and `worker` have used.
    pub(super) fn usage(&self, worker: &Program) -> anyhow::Result<crate::usage::Usage> {
        self.stack.usage(std::slice::from_ref(worker))
    }

    /// Has `author` post something, and returns it.
    pub(super) async fn publish(&self, author: &Person) -> anyhow::Result<PostId> {
        let answer = ask(self.stack.posts.http, &post_request(author)).await?;
        let id = answer.get("_id").and_then(Value::as_str);
        Ok(id.context("no id in the answer")?.parse()?)
    }
}

/// The request with which `person` reads their feed.
pub(super) fn feed_request(person: &Person) -> Request {
    person.request("GET", "/api/posts/feed", "")
}

/// The request with which `person` posts something.
pub(super) fn post_request(person: &Person) -> Request {
    let body = json!({ "content": "seen by everybody" }).to_string();
    person.request("POST", "/api/posts", &body)
}
