//! People post.

use graph::Graph;
use rand::{Rng, distr::Distribution, seq::IndexedRandom};
use rand_distr::{LogNormal, weighted::WeightedAliasIndex};
use reqwest::Method;
use serde_json::json;

use crate::{api, people::People, steps::Steps, words};

/// How unequally people post: the standard deviation of the logarithm.
const ACTIVITY_SPREAD: f64 = 1.2;

/// A post to be published.
pub(crate) struct Draft {
    author: u32,
    caption: String,
}

/// A published post.
pub(crate) struct Post {
    pub(crate) author: u32,
    pub(crate) id: String,
    pub(crate) created_at: String,
}

/// The hashtags that people use lately, as anybody sees them.
pub(crate) async fn trending(
    steps: &mut Steps<'_>,
    people: &People,
) -> anyhow::Result<Vec<api::Hashtag>> {
    let client = steps.client;
    let read = async |number: u32| {
        let path = "/api/posts/trending/hashtags";
        let request = people.get(number)?.request(client, Method::GET, path);
        let page: api::Page<api::Hashtag> = client.send(request).await?;
        Ok(page.items)
    };
    let read = steps.take("read trending", vec![0], read).await?;
    Ok(read.into_iter().flatten().collect())
}

/// Writes `mean` posts a person: some people write many, most a few.
pub(crate) fn write(
    graph: &Graph,
    people: &People,
    mean: usize,
    random: &mut impl Rng,
) -> anyhow::Result<Vec<Draft>> {
    let activity = LogNormal::new(0.0, ACTIVITY_SPREAD)?;
    let activity = (0..graph.people()).map(|_| activity.sample(random));
    let authors = WeightedAliasIndex::new(activity.collect())?;
    let each = 0..graph.people();
    let drafts = (0..mean).flat_map(|_| each.clone()).map(|_| {
        let author = u32::try_from(authors.sample(random))?;
        let friend = graph.followees(author).choose(random);
        let friend = friend.map(|&friend| people.get(friend)).transpose()?;
        Ok(Draft {
            author,
            caption: words::caption(friend.map(|friend| friend.username.as_str()), random),
        })
    });
    drafts.collect()
}

/// Has the authors publish `drafts`.
pub(crate) async fn publish(
    steps: &mut Steps<'_>,
    people: &People,
    drafts: Vec<Draft>,
) -> anyhow::Result<Vec<Post>> {
    let client = steps.client;
    let publish = async |(number, draft): (usize, Draft)| {
        let author = people.get(draft.author)?;
        // What is sent again is the same post.
        let key = format!("demo-{number}");
        let request = author.request(client, Method::POST, "/api/posts");
        let request = request.header("idempotency-key", key);
        let body = json!({ "content": draft.caption });
        let answer: api::Post = client.send(request.json(&body)).await?;
        Ok(Post {
            author: draft.author,
            id: answer.id,
            created_at: answer.created_at,
        })
    };
    let drafts = drafts.into_iter().enumerate().collect();
    steps.take("publish posts", drafts, publish).await
}
