//! What a person wants to see of it.

use std::io::{self, Write};

use anyhow::{Context, ensure};
use graph::Graph;
use jiff::Timestamp;

use crate::{
    api::Hashtag, feeds::Feed, likes::Recount, people::People, settle::Findings, steps::Steps,
};

/// How many posts of a feed are shown, and how many faults of a kind.
const SHOWN: usize = 5;

/// Who follows whom, in figures.
pub(crate) fn graph(graph: &Graph) -> io::Result<()> {
    let followers = graph.follower_counts();
    writeln!(
        io::stdout(),
        "{} people, {} follows; followers of a person: mean {:.1}, median {}, p99 {}, most {}; Gini {:.2}",
        graph.people(),
        graph.size(),
        followers.mean(),
        followers.percentile(50.0),
        followers.percentile(99.0),
        followers.max(),
        followers.gini(),
    )
}

/// A few posts from the feed of somebody who follows as many as most do.
pub(crate) fn feed(people: &People, graph: &Graph, feeds: &[Feed]) -> anyhow::Result<()> {
    let usual = graph.followee_counts().percentile(50.0) as usize;
    let mut readers = people.numbered().into_iter().zip(feeds);
    let reader = readers.find(|((number, _), _)| graph.followees(*number).len() == usual);
    let ((_, person), feed) = reader.context("nobody is usual")?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nThe feed of {} (@{}), who follows {usual}:\n",
        person.full_name, person.username
    )?;
    for post in feed.items.iter().take(SHOWN) {
        writeln!(
            out,
            "  {} @{} · {} ago\n  {}\n  ❤️ {}  💬 {}\n",
            post.user.full_name,
            post.user.username,
            age(&post.created_at)?,
            post.caption,
            post.likes_count,
            post.comments_count
        )?;
    }
    Ok(())
}

fn age(created_at: &str) -> anyhow::Result<String> {
    let created_at: Timestamp = created_at.parse()?;
    let seconds = Timestamp::now().duration_since(created_at).as_secs();
    Ok(match seconds {
        ..60 => format!("{seconds} s"),
        60.. => format!("{} min", seconds / 60),
    })
}

/// The post with the most likes, counted in three ways.
pub(crate) fn most_liked(recount: &Recount<'_>) -> io::Result<()> {
    let Recount {
        author,
        post,
        given,
        likers,
    } = recount;
    writeln!(
        io::stdout(),
        "The most liked post is by {} (@{}):\n\n  {}\n  likes_count {}, people in the list of likers {likers}, likes acknowledged {given}",
        author.full_name,
        author.username,
        post.caption,
        post.likes_count,
    )
}

/// The hashtags that people use lately, most used first.
pub(crate) fn trending(hashtags: &[Hashtag]) -> io::Result<()> {
    let shown = hashtags.iter().take(SHOWN);
    let shown = shown.map(|it| format!("#{} ({:.1})", it.tag, it.score));
    let shown = shown.collect::<Vec<_>>().join(", ");
    writeln!(io::stdout(), "\nTrending: {shown}")
}

/// How fast each step was, and what became of all requests.
pub(crate) fn throughput(steps: &Steps<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let [mut sent, mut acknowledged, mut repeated] = [0; 3];
    writeln!(
        out,
        "\n{:<20}{:>10}{:>8}{:>10}{:>10}{:>10}{:>12}",
        "step", "requests", "/s", "p50 ms", "p99 ms", "repeated", "from cache"
    )?;
    for step in steps.done() {
        let account = &step.account;
        let [p50, p99] = [50, 99].map(|percent| step.percentile(percent).as_secs_f64() * 1e3);
        writeln!(
            out,
            "{:<20}{:>10}{:>8.0}{p50:>10.1}{p99:>10.1}{:>10}{:>12}",
            step.name,
            account.latencies.len(),
            step.rate(),
            account.repeated,
            account.cached
        )?;
        sent += account.sent;
        acknowledged += account.latencies.len();
        repeated += account.repeated;
    }
    writeln!(
        out,
        "\n{sent} requests sent: {acknowledged} acknowledged, {repeated} refused for now or unanswered and sent again"
    )
}

/// How many of everything were as they should be.
pub(crate) fn findings(all: &[Findings]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for Findings {
        subject,
        all,
        faults,
    } in all
    {
        writeln!(out, "{} of {all} {subject} right", all - faults.len())?;
        for fault in faults.iter().take(SHOWN) {
            writeln!(out, "  {fault}")?;
        }
    }
    let faults = all
        .iter()
        .map(|findings| findings.faults.len())
        .sum::<usize>();
    ensure!(faults == 0, "{faults} things are not as they should be");
    Ok(())
}
