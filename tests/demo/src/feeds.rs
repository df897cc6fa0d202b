//! People read their feeds, which hold what they should.

use std::{cmp::Reverse, collections::HashMap};

use graph::Graph;
use reqwest::Method;

use crate::{
    api::{self, Page},
    client::Client,
    people::{People, Person},
    posts::Post,
    settle::Findings,
    steps::Steps,
};

/// Posts of a page when the client does not say.
const LIMIT: usize = 20;

/// The first page of somebody's feed.
pub(crate) type Feed = Page<api::Post>;

/// Everybody reads the first page of their feed.
pub(crate) async fn read_all(
    steps: &mut Steps<'_>,
    name: &'static str,
    people: &People,
) -> anyhow::Result<()> {
    let client = steps.client;
    let open = async |(_, person): (u32, &Person)| read(client, person).await;
    steps.take(name, people.numbered(), open).await?;
    Ok(())
}

async fn read(client: &Client, person: &Person) -> anyhow::Result<Feed> {
    let request = person.request(client, Method::GET, "/api/posts/feed");
    client.send(request).await
}

/// Compares the first page of everybody's feed with what they and those whom
/// they follow have posted.
pub(crate) async fn compare(
    steps: &mut Steps<'_>,
    people: &People,
    graph: &Graph,
    posts: &[Post],
) -> anyhow::Result<(Vec<Feed>, Findings)> {
    let mut by_author: HashMap<u32, Vec<&Post>> = HashMap::new();
    for post in posts {
        by_author.entry(post.author).or_default().push(post);
    }
    let (client, settling) = (steps.client, steps.settling());
    let compare = async |(number, person): (u32, &Person)| {
        let wanted = expected(&by_author, graph, number);
        let right = |feed: &Feed| {
            feed.items
                .iter()
                .map(|post| &post.id)
                .eq(wanted.iter().copied())
        };
        let feed = settling
            .look(async || read(client, person).await, right)
            .await?;
        let fault = (!right(&feed)).then(|| fault(person, &feed, &wanted));
        Ok((feed, fault))
    };
    let seen = steps
        .take("compare feeds", people.numbered(), compare)
        .await?;
    let (feeds, faults) = seen.into_iter().unzip();
    Ok((feeds, Findings::new("feeds", faults)))
}

/// The ids of the posts that the first page of somebody's feed should have.
fn expected<'a>(
    by_author: &HashMap<u32, Vec<&'a Post>>,
    graph: &Graph,
    person: u32,
) -> Vec<&'a String> {
    let authors = graph.followees(person).iter().chain([&person]);
    let mut posts: Vec<_> = authors
        .filter_map(|author| by_author.get(author))
        .flatten()
        .collect();
    posts.sort_unstable_by_key(|post| Reverse((&post.created_at, &post.id)));
    posts.into_iter().map(|post| &post.id).take(LIMIT).collect()
}

fn fault(person: &Person, feed: &Feed, wanted: &[&String]) -> String {
    let seen: Vec<_> = feed.items.iter().map(|post| &post.id).collect();
    let missing: Vec<_> = wanted.iter().filter(|id| !seen.contains(id)).collect();
    let strange: Vec<_> = seen.iter().filter(|id| !wanted.contains(id)).collect();
    format!(
        "the feed of @{} lacks {missing:?}, has {strange:?} too many",
        person.username
    )
}
