//! People like posts, and every like that was acknowledged is counted once, as is every comment.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, ensure};
use graph::Graph;
use rand::{Rng, RngExt, distr::Distribution};
use rand_distr::{LogNormal, weighted::WeightedAliasIndex};
use reqwest::Method;

use crate::{
    api::{self, Liked, Page, User},
    client::Client,
    people::{People, Person},
    posts::Post,
    settle::Findings,
    steps::Steps,
};

/// How unequally posts please: the standard deviation of the logarithm.
const APPEAL_SPREAD: f64 = 1.5;
/// As many likers as a page may have.
const LIKERS_LIMIT: usize = 100;

/// Somebody, by number, does something about a post.
pub(crate) type Deed<'a> = (u32, &'a Post);

/// How many deeds of a kind were done about posts.
#[derive(Default)]
pub(crate) struct Counts<'a>(HashMap<&'a str, usize>);

impl<'a> Counts<'a> {
    /// Counts the posts of deeds.
    pub(crate) fn of(posts: impl IntoIterator<Item = &'a Post>) -> Self {
        let mut counts = Self::default();
        for post in posts {
            *counts.0.entry(post.id.as_str()).or_default() += 1;
        }
        counts
    }

    fn about(&self, post: &Post) -> usize {
        self.0.get(post.id.as_str()).copied().unwrap_or_default()
    }
}

/// Chooses up to `mean` deeds a person: a post is the more popular the more
/// followers its author has, and the better it is.
pub(crate) fn choose<'a>(
    graph: &Graph,
    posts: &'a [Post],
    mean: usize,
    random: &mut impl Rng,
) -> anyhow::Result<Vec<Deed<'a>>> {
    let appeal = LogNormal::new(0.0, APPEAL_SPREAD)?;
    let popularity = posts.iter().map(|post| {
        let followers = u32::try_from(graph.followers(post.author).len())?;
        Ok(appeal.sample(random) * (1.0 + f64::from(followers)))
    });
    let popularity = popularity.collect::<anyhow::Result<_>>()?;
    let popular = WeightedAliasIndex::new(popularity)?;
    let people = graph.people();
    let mut chosen = HashSet::new();
    let mut deeds = Vec::new();
    for _ in (0..mean).flat_map(|_| 0..people) {
        let (person, post) = (random.random_range(0..people), popular.sample(random));
        if chosen.insert((person, post)) {
            deeds.extend(posts.get(post).map(|post| (person, post)));
        }
    }
    Ok(deeds)
}

/// Has people give `likes`, and returns how many each post has got.
pub(crate) async fn give<'a>(
    steps: &mut Steps<'_>,
    people: &People,
    likes: Vec<Deed<'a>>,
) -> anyhow::Result<Counts<'a>> {
    let client = steps.client;
    let give = async |(person, post): Deed<'a>| {
        let path = format!("/api/posts/{}/like", post.id);
        let request = people.get(person)?.request(client, Method::POST, &path);
        let answer: Liked = client.send(request).await?;
        ensure!(answer.is_liked, "{path} is not liked");
        Ok(post)
    };
    let posts: Vec<&Post> = steps.take("like", likes, give).await?;
    Ok(Counts::of(posts))
}

/// Compares the counters of every post with the likes and comments it was given.
pub(crate) async fn compare(
    steps: &mut Steps<'_>,
    people: &People,
    posts: &[Post],
    likes: &Counts<'_>,
    comments: &Counts<'_>,
) -> anyhow::Result<Findings> {
    let (client, settling) = (steps.client, steps.settling());
    let compare = async |post: &Post| {
        let wanted = (likes.about(post), comments.about(post));
        let author = people.get(post.author)?;
        let counted = |seen: &api::Post| (seen.likes_count, seen.comments_count);
        let right = |seen: &api::Post| counted(seen) == wanted;
        let read = async || read_post(client, author, post).await;
        let seen = settling.look(read, right).await?;
        Ok((!right(&seen)).then(|| {
            let (id, counted) = (&post.id, counted(&seen));
            format!("the post {id} counts {counted:?} of {wanted:?} likes and comments")
        }))
    };
    let faults = steps
        .take("read posts", posts.iter().collect(), compare)
        .await?;
    Ok(Findings::new("counts of likes and comments", faults))
}

/// Three ways of counting the likes of one post, which must agree.
pub(crate) struct Recount<'a> {
    pub(crate) author: &'a Person,
    pub(crate) post: api::Post,
    /// Likes that were acknowledged.
    pub(crate) given: usize,
    /// People in the list of those who like it, read to its end.
    pub(crate) likers: usize,
}

impl Recount<'_> {
    /// Whether they disagree, and how.
    pub(crate) fn findings(&self) -> Findings {
        let counted = self.post.likes_count;
        let right = counted == self.given && counted == self.likers;
        let fault = (!right).then(|| format!("of the post {}", self.post.id));
        Findings::new("list of likers", vec![fault])
    }
}

/// Counts the likes of the post that was given most.
pub(crate) async fn recount_most_liked<'a>(
    steps: &mut Steps<'_>,
    people: &'a People,
    posts: &[Post],
    given: &Counts<'_>,
) -> anyhow::Result<Recount<'a>> {
    let client = steps.client;
    let given_to = |post: &&Post| given.about(post);
    let most_liked = posts.iter().max_by_key(given_to).context("no posts")?;
    let recount = async |post: &Post| {
        let author = people.get(post.author)?;
        Ok(Recount {
            author,
            post: read_post(client, author, post).await?,
            given: given_to(&post),
            likers: count_likers(client, author, post).await?,
        })
    };
    let recounts = steps.take("read likers", vec![most_liked], recount).await?;
    recounts.into_iter().next().context("one was recounted")
}

/// `post` as its author sees it.
async fn read_post(client: &Client, author: &Person, post: &Post) -> anyhow::Result<api::Post> {
    let path = format!("/api/posts/{}", post.id);
    let request = author.request(client, Method::GET, &path);
    client.send(request).await
}

/// How many people like `post`, counted page by page to the end of the list.
async fn count_likers(client: &Client, author: &Person, post: &Post) -> anyhow::Result<usize> {
    let mut likers = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/posts/{}/likes?limit={LIKERS_LIMIT}{cursor}", post.id);
        let request = author.request(client, Method::GET, &path);
        let page: Page<User> = client.send(request).await?;
        likers.extend(page.items.into_iter().map(|liker| liker.id));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(likers.len()),
        }
    }
}
