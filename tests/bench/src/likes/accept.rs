//! How many likes of one post are accepted in a second, beside a `POST` that
//! does nothing and a publish of each job on its own.

use std::{collections::HashMap, iter::Cycle, net::SocketAddr, slice};

use domain::{PostId, UserId};

use super::{Options, bare_publish, publish_post, queue, truth};
use crate::{
    http::Request,
    load,
    people::{Author, Person},
    program::Program,
    report::{Report, Round},
    stack::Stack,
};

pub(super) const BARE: &str = "bare POST";
pub(super) const LIKE: &str = "like accepted";
pub(super) const BARE_GATEWAY: &str = "bare POST, through the gateway";
pub(super) const LIKE_GATEWAY: &str = "like accepted, through the gateway";
const LIKE_UNSEEN: &str = "like accepted, of a post that posts has not just shown them";
const LIKE_WORKER: &str = "like accepted, while a worker applies them";

/// What people like with, by turns, so that each of their likes is a change.
const REACTIONS: [&str; 3] = ["❤️", "🔥", "👍"];
/// How often each reader likes in a round, if not for the first time.
const TIMES: usize = 2;

/// One post, those who have seen it, and how they last liked it.
struct Scene<'a> {
    stack: &'a Stack,
    connections: usize,
    /// The bare service, and the gateway before one.
    bare: [SocketAddr; 2],
    post: PostId,
    readers: &'a [Person],
    liked: HashMap<UserId, &'static str>,
    reactions: Cycle<slice::Iter<'static, &'static str>>,
}

/// Adds to `report` what is accepted: while no worker runs, and while one does.
/// Returns posts whose likes, by all readers, are left in the queue.
pub(super) async fn measure(
    stack: &Stack,
    options: &Options,
    bare: [SocketAddr; 2],
    author: &Author,
    people: &[Person],
    report: &mut Report,
) -> anyhow::Result<Vec<PostId>> {
    let readers = people.get(..options.readers).unwrap_or(people);
    let mut scene = Scene::of(stack, options, bare, author, readers).await?;
    scene.read().await?;
    for _ in 0..options.rounds {
        let [service, gateway] = bare;
        scene.bare(BARE, service, report).await?;
        scene
            .like(LIKE, stack.posts.http, TIMES, &[], report)
            .await?;
        scene.bare(BARE_GATEWAY, gateway, report).await?;
        scene
            .like(LIKE_GATEWAY, stack.gateway.http, TIMES, &[], report)
            .await?;
        bare_publish::measure(stack, options, report).await?;
    }
    let worker = stack.start_worker().await?;
    truth::reached(stack, scene.post, &scene.liked).await?;
    for _ in 0..options.rounds {
        let workers = slice::from_ref(&worker);
        scene
            .like(LIKE_WORKER, stack.posts.http, TIMES, workers, report)
            .await?;
    }
    truth::reached(stack, scene.post, &scene.liked).await?;
    worker.stop().await?;
    // What the bare publishes have left.
    queue::purge(stack).await?;

    let mut posts = Vec::new();
    for _ in 0..options.rounds {
        let mut scene = Scene::of(stack, options, bare, author, readers).await?;
        scene
            .like(LIKE_UNSEEN, stack.posts.http, 1, &[], report)
            .await?;
        posts.push(scene);
    }
    Ok(posts.into_iter().map(|scene| scene.post).collect())
}

impl<'a> Scene<'a> {
    async fn of(
        stack: &'a Stack,
        options: &Options,
        bare: [SocketAddr; 2],
        author: &Author,
        readers: &'a [Person],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            stack,
            connections: options.connections,
            bare,
            post: publish_post(stack, author).await?,
            readers,
            liked: HashMap::new(),
            reactions: REACTIONS.iter().cycle(),
        })
    }

    /// Everybody reads the post, at each of the doors: their tokens are known then.
    async fn read(&self) -> anyhow::Result<()> {
        let path = format!("/api/posts/{}", self.post);
        for door in [self.stack.posts.http, self.stack.gateway.http] {
            let read = |reader: &Person| reader.request("GET", &path, "");
            let requests = self.readers.iter().map(read).collect();
            load::send(door, self.connections, requests).await?;
        }
        for door in self.bare {
            let requests = self.likes("❤️");
            load::send(door, self.connections, requests).await?;
        }
        Ok(())
    }

    async fn bare(
        &self,
        subject: &str,
        door: SocketAddr,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let requests = (0..TIMES).flat_map(|_| self.likes("❤️"));
        let before = self.stack.usage(&[])?;
        let timing = load::send(door, self.connections, requests.collect()).await?;
        let used = self.stack.usage(&[])?.since(&before);
        report.add(subject, Round::timed(&timing, used))
    }

    async fn like(
        &mut self,
        subject: &str,
        door: SocketAddr,
        times: usize,
        workers: &[Program],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let mut requests = Vec::new();
        for _ in 0..times {
            let reaction = self.reactions.next().copied().unwrap_or_default();
            requests.extend(self.likes(reaction));
            let now = self.readers.iter().map(|reader| (reader.id, reaction));
            self.liked.extend(now);
        }
        let metrics = self.stack.posts_metrics().await?;
        let before = self.stack.usage(workers)?;
        let timing = load::send(door, self.connections, requests).await?;
        let used = self.stack.usage(workers)?.since(&before);
        let after = self.stack.posts_metrics().await?;
        let jobs = after.mean_since(&metrics, "bus_jobs_per_message");
        report.add_fact(&format!("jobs in a message: {subject}"), jobs);
        report.add(subject, Round::timed(&timing, used))
    }

    fn likes(&self, reaction: &str) -> Vec<Request> {
        super::likes(self.post, reaction, self.readers)
    }
}
