//! People comment on posts, and every comment that was acknowledged is counted once.

use anyhow::ensure;
use rand::Rng;
use reqwest::Method;
use serde_json::json;

use crate::{
    api,
    likes::{Counts, Deed},
    people::People,
    posts::Post,
    steps::Steps,
    words,
};

/// Has people write comments, and returns how many each post has got.
pub(crate) async fn write<'a>(
    steps: &mut Steps<'_>,
    people: &People,
    chosen: Vec<Deed<'a>>,
    random: &mut impl Rng,
) -> anyhow::Result<Counts<'a>> {
    let client = steps.client;
    let texts = chosen.into_iter().enumerate();
    let texts = texts.map(|(number, deed)| (number, deed, words::comment(random)));
    let write = async |(number, (person, post), text): (usize, Deed<'a>, String)| {
        let path = format!("/api/posts/{}/comments", post.id);
        let request = people.get(person)?.request(client, Method::POST, &path);
        // What is sent again is the same comment.
        let request = request.header("idempotency-key", format!("demo-comment-{number}"));
        let body = json!({ "content": text });
        let answer: api::Comment = client.send(request.json(&body)).await?;
        ensure!(answer.content == text, "{path} took another text");
        Ok(post)
    };
    let posts: Vec<&Post> = steps.take("comment", texts.collect(), write).await?;
    Ok(Counts::of(posts))
}
