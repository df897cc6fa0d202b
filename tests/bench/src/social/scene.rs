//! Who is there, and what has been posted.

use anyhow::{Context, ensure};
use bson::{Bson, Document, doc};
use domain::PostId;
use futures_util::TryStreamExt;
use store::Store;

use super::Options;
use crate::{
    http::Request,
    load::{self, at_a_time},
    network::plant_posts,
    people::{Person, plant},
    report::{Report, Round},
    stack::Stack,
};

/// Posts of each author.
const POSTS: usize = 20;
/// Characters of a post.
const LENGTH: usize = 120;
/// Hashtags, of which each post has one, by turns.
pub(super) const TAGS: usize = 40;
/// Items of a page.
pub(super) const PAGE: usize = 20;

/// A deployment with people in it.
pub(super) struct Scene<'a> {
    pub(super) stack: &'a Stack,
    pub(super) options: &'a Options,
    pub(super) people: Vec<Person>,
    pub(super) authors: Vec<Person>,
    pub(super) posts: Vec<PostId>,
}

impl<'a> Scene<'a> {
    pub(super) async fn set(stack: &'a Stack, options: &'a Options) -> anyhow::Result<Self> {
        let model = stack.register("model").await?;
        let count = options.people + options.authors;
        let mut people = plant(&stack.store, &stack.signer, &model, count).await?;
        let authors = people.split_off(usize::try_from(options.people)?);
        let ids: Vec<_> = authors.iter().map(|author| author.id).collect();
        let posts = plant_posts(&stack.store, &ids, POSTS, LENGTH).await?;
        tag(&stack.store, &posts).await?;
        Ok(Self {
            stack,
            options,
            people,
            authors,
            posts,
        })
    }

    /// Everybody by turns, for every request of all rounds.
    pub(super) fn person(&self, n: usize) -> anyhow::Result<&Person> {
        turn(&self.people, n).context("nobody is there")
    }

    /// The numbers of the requests of a round.
    pub(super) fn turns(&self, round: usize) -> impl Iterator<Item = usize> + use<> {
        let requests = self.options.requests;
        round * requests..(round + 1) * requests
    }

    /// Adds to `report` a round of `requests`, and before it one of `bare`.
    pub(super) async fn compare<F: Future<Output = anyhow::Result<()>>>(
        &self,
        round: usize,
        [subject, baseline]: [&str; 2],
        request: impl Fn(usize) -> anyhow::Result<Request>,
        bare: impl Fn(usize) -> F,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let connections = self.options.connections;
        let before = self.stack.usage(&[])?;
        let timing = at_a_time(connections, self.turns(round), bare).await?;
        let used = self.stack.usage(&[])?.since(&before);
        report.add(baseline, Round::timed(&timing, used))?;

        let requests = self.turns(round).map(request);
        let requests = requests.collect::<anyhow::Result<_>>()?;
        let before = self.stack.usage(&[])?;
        let timing = load::send(self.stack.gateway.http, connections, requests).await?;
        let used = self.stack.usage(&[])?.since(&before);
        report.add(subject, Round::timed(&timing, used))
    }
}

/// The `n`th of `items`, and then the first again.
pub(super) fn turn<T>(items: &[T], n: usize) -> Option<&T> {
    items.get(n.checked_rem(items.len())?)
}

/// The `n`th hashtag, which is a word of its posts, too.
pub(super) fn hashtag(n: usize) -> String {
    format!("tag{}", n % TAGS)
}

async fn tag(store: &Store, posts: &[PostId]) -> anyhow::Result<()> {
    let documents = store.collection::<Document>("posts");
    for n in 0..TAGS {
        let tagged: Vec<PostId> = posts.iter().copied().skip(n).step_by(TAGS).collect();
        let tag = hashtag(n);
        let set = doc! { "hashtags": [&tag], "search_words": ["everybody", "seen", &tag] };
        let tagged = doc! { "_id": { "$in": tagged } };
        documents.update_many(tagged, doc! { "$set": set }).await?;
    }
    Ok(())
}

/// The newest posts that `filter` finds, and who wrote them.
pub(super) async fn read_page(store: &Store, filter: Document) -> anyhow::Result<()> {
    let posts = store.collection::<Document>("posts");
    let newest = posts
        .find(filter)
        .sort(doc! { "created_at": -1, "_id": -1 })
        .limit(i64::try_from(PAGE)?);
    let newest: Vec<Document> = newest.await?.try_collect().await?;
    ensure!(newest.len() == PAGE, "{} posts", newest.len());
    let writers: Vec<&Bson> = newest.iter().filter_map(|it| it.get("user_id")).collect();
    let accounts = store.collection::<Document>("users");
    let wrote = doc! { "_id": { "$in": writers } };
    let accounts: Vec<Document> = accounts.find(wrote).await?.try_collect().await?;
    ensure!(!accounts.is_empty(), "nobody wrote them");
    Ok(())
}
