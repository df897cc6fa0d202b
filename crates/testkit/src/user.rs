mod posts;
mod relations;

use std::ops::Deref;

use domain::UserId;
use serde_json::{Value, json};

use crate::{Client, Response};

/// Good enough for everybody.
const PASSWORD: &str = "correct horse battery";

/// A person with an account, logged in. Talks through the [`Client`] it
/// derefs to.
#[derive(Clone)]
pub struct User {
    client: Client,
    /// `_id`.
    pub id: String,
    /// Unique, beginning with the name the test gave.
    pub username: String,
    /// Unique.
    pub email: String,
    /// In the clear.
    pub password: String,
    /// The access token of this login.
    pub token: String,
}

impl User {
    /// Registers through `door`.
    pub async fn register(door: &Client, name: &str) -> Self {
        let body = registration(name);
        let answer = door.post("/api/auth/register", &body).await.expect(201);
        Self::from_login(door, &body, &answer)
    }

    /// Logs in once more, as on another device.
    pub async fn log_in_again(&self) -> Self {
        let body = json!({ "email": self.email, "password": self.password });
        Self::log_in(&self.client.clone().without_token(), &body).await
    }

    /// Logs in through `door` with the `email` and `password` in `body`.
    pub(crate) async fn log_in(door: &Client, body: &Value) -> Self {
        let login = json!({ "email": body["email"], "password": body["password"] });
        let answer = door.post("/api/auth/login", &login).await.expect(200);
        Self::from_login(door, body, &answer)
    }

    fn from_login(door: &Client, body: &Value, answer: &Value) -> Self {
        let text = |value: &Value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{answer}"))
                .to_owned()
        };
        let token = text(&answer["token"]);
        Self {
            client: door.clone().with_token(&token),
            id: text(&answer["user"]["_id"]),
            username: text(&answer["user"]["username"]),
            email: text(&body["email"]),
            password: text(&body["password"]),
            token,
        }
    }

    /// Somebody with the same password and another name, at the same door.
    pub(crate) fn double(&self, n: usize, id: UserId, token: String) -> Self {
        let username = format!("{}_{n}", self.username);
        Self {
            client: self.client.clone().with_token(&token),
            id: id.to_string(),
            email: format!("{username}@example.org"),
            username,
            password: self.password.clone(),
            token,
        }
    }

    /// The own account, which must be there.
    pub async fn me(&self) -> Value {
        self.get("/api/auth/me").await.expect(200)
    }

    /// Ends this login.
    pub async fn log_out(&self) -> Response {
        self.post_empty("/api/auth/logout").await
    }

    /// Follows `other`, or asks to.
    pub async fn follow(&self, other: &Self) -> Value {
        let path = format!("/api/users/{}/follow", other.id);
        self.post_empty(&path).await.expect(200)
    }

    /// Follows `other` no more.
    pub async fn unfollow(&self, other: &Self) -> Value {
        let path = format!("/api/users/{}/follow", other.id);
        self.delete(&path).await.expect(200)
    }

    /// Posts `text`; the post.
    pub async fn publish(&self, text: &str) -> Value {
        let body = json!({ "content": text });
        self.post("/api/posts", &body).await.expect(201)
    }

    /// The first page of the own feed.
    pub async fn feed(&self) -> Vec<Value> {
        self.list("/api/posts/feed").await
    }

    /// This person at another door of the same deployment.
    #[must_use]
    pub fn at(&self, door: &Client) -> Client {
        door.clone().with_token(&self.token)
    }
}

impl Deref for User {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The body of a registration that is valid and unique.
#[must_use]
pub fn registration(name: &str) -> Value {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let username = format!("{name}_{}", &id[..12]);
    json!({
        "email": format!("{username}@example.org"),
        "password": PASSWORD,
        "username": username,
        "full_name": format!("{name} of the tests"),
        "dob": "1990-05-17",
    })
}
