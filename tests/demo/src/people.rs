//! People register and follow each other.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use graph::Graph;
use rand::{Rng, RngExt, seq::SliceRandom};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::{
    api::{Followed, LoggedIn},
    client::Client,
    steps::Steps,
    words,
};

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) full_name: String,
    token: String,
}

impl Person {
    /// A request of theirs, to be given to [`Client::send`].
    pub(crate) fn request(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        client.request(method, path).bearer_auth(&self.token)
    }
}

/// Everybody, by the numbers of the graph.
pub(crate) struct People(Vec<Person>);

impl People {
    pub(crate) fn get(&self, number: u32) -> anyhow::Result<&Person> {
        let person = usize::try_from(number)
            .ok()
            .and_then(|number| self.0.get(number));
        person.with_context(|| format!("nobody has the number {number}"))
    }

    /// All of them with their numbers.
    pub(crate) fn numbered(&self) -> Vec<(u32, &Person)> {
        (0..).zip(&self.0).collect()
    }
}

/// Registers `count` people. Their names are new in every run, so that a stack
/// can be filled again.
pub(crate) async fn register(
    steps: &mut Steps<'_>,
    count: u32,
    random: &mut impl Rng,
) -> anyhow::Result<People> {
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let born = |random: &mut _| RngExt::random_range(random, 1950..2008);
    let newcomers = (0..count).map(|number| (number, words::full_name(random), born(random)));
    let newcomers = newcomers.collect();
    let client = steps.client;
    let register = async |(number, full_name, born): (u32, String, u32)| {
        let first = full_name.split(' ').next().unwrap_or_default();
        let username = format!("{}{number}_{run:x}", first.to_lowercase());
        let body = json!({
            "email": format!("{username}@example.org"),
            "password": format!("the password of {username}"),
            "username": username,
            "full_name": full_name,
            "dob": format!("{born}-05-17"),
        });
        let request = client.request(Method::POST, "/api/auth/register");
        let answer: LoggedIn = client.send(request.json(&body)).await?;
        Ok(Person {
            id: answer.user.id,
            username: answer.user.username,
            full_name: answer.user.full_name,
            token: answer.token,
        })
    };
    Ok(People(steps.take("register", newcomers, register).await?))
}

/// Has `people` follow each other as in `graph`, in any order.
pub(crate) async fn follow(
    steps: &mut Steps<'_>,
    people: &People,
    graph: &Graph,
    random: &mut impl Rng,
) -> anyhow::Result<()> {
    let mut follows: Vec<_> = graph.follows().collect();
    follows.shuffle(random);
    let client = steps.client;
    let follow = async |(follower, followee)| {
        let path = format!("/api/users/{}/follow", people.get(followee)?.id);
        let request = people.get(follower)?.request(client, Method::POST, &path);
        let answer: Followed = client.send(request).await?;
        ensure!(answer.following, "{path} is not followed");
        Ok(())
    };
    steps.take("follow", follows, follow).await?;
    Ok(())
}
