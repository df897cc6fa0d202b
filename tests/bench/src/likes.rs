//! Likes: how fast they are accepted, and how fast what was accepted is stored
//! and counted.

mod accept;
mod apply;
mod bare_apply;
mod bare_publish;
mod queue;
mod truth;

use anyhow::{Context, ensure};
use clap::Args;
use domain::PostId;
use serde_json::{Value, json};

use crate::{
    http::{Request, ask},
    people::{Author, Person, plant},
    report::{Report, say},
    stack::Stack,
    usage::memory,
};

/// How much is done.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Connections of the client
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How often everything is measured, each time beside its baseline
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// People who have seen the post when they like it; posts remembers them and their tokens
    #[arg(long, default_value_t = 6_000)]
    readers: usize,
    /// Likes, each by somebody else, that wait for a worker
    #[arg(long, default_value_t = 40_000)]
    waiting: usize,
}

/// Measures everything and prints it. An answer, a document or a counter that
/// is not as it should be is an error.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.rounds > 0, "nothing to measure");
    say("starting")?;
    let mut stack = Stack::start().await?;
    let bare = stack.add_bare_post().await?;
    let author = stack.register("viral").await?;
    let count = u32::try_from(options.waiting.max(options.readers))?;
    let people = plant(&stack.store, &stack.signer, &author, count).await?;
    let mut report = Report::default();

    say("accepting")?;
    let accepted = accept::measure(&stack, options, bare, &author, &people, &mut report).await?;
    say("applying")?;
    apply::measure(&stack, options, &author, &people, &accepted, &mut report).await?;

    for (name, pid) in stack.processes(&[])? {
        report.add_memory(name, memory(pid)?);
    }
    report.print(&[
        (accept::LIKE, accept::BARE, "0.5"),
        (accept::LIKE_GATEWAY, accept::BARE_GATEWAY, "0.5"),
        (accept::LIKE, bare_publish::PUBLISH, "–"),
        (apply::APPLY, bare_apply::TRANSACTION, "0.7"),
        (apply::APPLY_SPREAD, bare_apply::TRANSACTION, "0.7"),
    ])?;
    Ok(())
}

/// Publishes a post.
async fn publish_post(stack: &Stack, Author(author): &Author) -> anyhow::Result<PostId> {
    let body = json!({ "content": "seen by everybody" }).to_string();
    let request = author.request("POST", "/api/posts", &body);
    let answer = ask(stack.posts.http, &request).await?;
    let id = answer.get("_id").and_then(Value::as_str);
    Ok(id.context("no id in the answer")?.parse()?)
}

/// The requests with which `people` like `post`, one each.
fn likes(post: PostId, reaction: &str, people: &[Person]) -> Vec<Request> {
    let path = format!("/api/posts/{post}/like");
    let body = json!({ "reaction": reaction }).to_string();
    let like = |person: &Person| person.request("POST", &path, &body);
    people.iter().map(like).collect()
}
