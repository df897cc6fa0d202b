//! Pages that are cached, beside nginx before the plainest service that gets
//! the same bytes from Redis.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use cache::redis;

use super::scene::{Scene, feed_request};
use crate::{
    http::{Connection, refusal},
    people::Person,
    report::Report,
};

pub(super) const THROUGH_GATEWAY: &str = "cached feed, through the gateway";
pub(super) const DIRECT: &str = "cached feed, of posts alone";
pub(super) const THROUGH_NGINX: &str = "nginx, actix, GET of Redis";
pub(super) const BARE: &str = "actix, GET of Redis";
/// Where the bytes are that the baseline answers with.
pub(super) const BARE_KEY: &str = "bare:page";

/// Adds to `report` how fast pages that are cached are read.
pub(super) async fn measure(
    scene: &Scene<'_>,
    [bare, nginx]: [SocketAddr; 2],
    report: &mut Report,
) -> anyhow::Result<()> {
    let readers = scene.readers();
    let reader = readers.first().context("nobody is there")?;
    for _ in 0..scene.options.rounds {
        // Their pages expire between rounds, and the gateway gets to know their tokens.
        warm(scene, readers).await?;
        let bytes = cached_page(scene, reader).await?;
        report.add_fact("KB of a page", crate::load::count(bytes.len()) / 1000.0);
        let mut set = redis::cmd("SET");
        set.arg(BARE_KEY).arg(bytes);
        set.exec_async(&mut scene.cache.shared()).await?;
        let [gateway, posts] = [scene.stack.gateway.http, scene.stack.posts.http];
        for (subject, door) in [
            (THROUGH_NGINX, nginx),
            (THROUGH_GATEWAY, gateway),
            (BARE, bare),
            (DIRECT, posts),
        ] {
            let turns = readers.iter().cycle().take(scene.options.requests);
            let requests = turns.map(feed_request).collect();
            scene.load(subject, door, requests, report).await?;
        }
        cached_page(scene, reader).await?;
    }
    Ok(())
}

async fn warm(scene: &Scene<'_>, readers: &[Person]) -> anyhow::Result<()> {
    scene.forget_pages().await?;
    scene.read_feeds(readers).await?;
    let requests = readers.iter().map(feed_request).collect();
    let connections = scene.options.connections;
    crate::load::send(scene.stack.gateway.http, connections, requests).await?;
    Ok(())
}

/// The page of `reader`, which must be in the cache.
async fn cached_page(scene: &Scene<'_>, reader: &Person) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(scene.stack.gateway.http).await?;
    let answer = connection.exchange(&feed_request(reader)).await?;
    ensure!(answer.status == 200, "{}", refusal(&answer));
    let head = String::from_utf8_lossy(answer.head).to_ascii_lowercase();
    ensure!(head.contains("x-cache: hit"), "the page is not cached");
    Ok(answer.body.to_vec())
}
