//! Logins, beside what verifying the password costs alone.

use std::{sync::Arc, thread};

use anyhow::{Context, anyhow};
use argon2::{
    Argon2,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use bson::{Document, doc};
use serde_json::json;

use super::scene::Scene;
use crate::{
    http::Request,
    load::at_a_time,
    people::{PASSWORD, email},
    report::{Report, Round},
};

pub(super) const LOGIN: &str = "login";
pub(super) const BARE: &str = "bare argon2id verification";

/// Adds to `report` how many people log in in a second.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    let accounts = scene.stack.store.collection::<Document>("users");
    let person = scene.readers().first().context("nobody is there")?;
    let account = accounts.find_one(doc! { "_id": person.id }).await?;
    let account = account.context("no account")?;
    let hash: Arc<str> = account.get_str("password")?.into();
    for round in 0..scene.options.rounds {
        let verify = |_| verified(Arc::clone(&hash));
        let before = scene.stack.usage(&[])?;
        let threads = thread::available_parallelism()?.get();
        let timing = at_a_time(threads, 0..scene.options.logins, verify).await?;
        let used = scene.stack.usage(&[])?.since(&before);
        report.add(BARE, Round::timed(&timing, used))?;

        let logins = (0..scene.options.logins).map(|n| login(round, n)).collect();
        let door = scene.stack.gateway.http;
        scene.load(LOGIN, door, logins, report).await?;
    }
    Ok(())
}

async fn verified(hash: Arc<str>) -> anyhow::Result<()> {
    let verify = move || {
        let parsed = PasswordHash::new(&hash).map_err(|error| anyhow!("{error}"))?;
        let verified = Argon2::default().verify_password(PASSWORD.as_bytes(), &parsed);
        verified.map_err(|error| anyhow!("{error}"))
    };
    tokio::task::spawn_blocking(verify).await?
}

/// From an address of their own in each round: the limits of one do not matter.
fn login(round: usize, n: u32) -> Request {
    let [_, _, high, low] = n.to_be_bytes();
    let address = format!("172.16.{}.{low}", round * 16 + usize::from(high));
    let body = json!({ "email": email(n), "password": PASSWORD }).to_string();
    let headers = [("X-Forwarded-For", address.as_str())];
    Request::new("POST", "/api/auth/login", &headers, &body)
}
