//! The first steps of a person: register, log in, look around, leave.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use testkit::{Stack, User, eventually, registration};

/// A revocation takes effect everywhere within this.
const ONE_SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_person_registers_and_finds_the_account_as_written() {
    let stack = Stack::start().await;
    let body = registration("ana");
    let answer = stack.anonymous().post("/api/auth/register", &body).await;

    let answer = answer.expect(201);
    assert_eq!(answer["token_type"], "Bearer");
    let user = &answer["user"];
    for field in ["email", "username", "full_name", "dob"] {
        assert_eq!(user[field], body[field], "{field}");
    }
    for (field, expected) in [
        ("bio", json!("")),
        ("avatar_url", Value::Null),
        ("is_verified", json!(false)),
        ("is_private", json!(false)),
        ("followers_count", json!(0)),
        ("following_count", json!(0)),
        ("posts_count", json!(0)),
        ("role", json!("user")),
    ] {
        assert_eq!(user[field], expected, "{field}");
    }
    assert_eq!(user["_id"].as_str().unwrap().len(), 24);
    assert!(
        is_date(&user["created_at"]) && is_date(&answer["expires_at"]),
        "{answer}"
    );
    assert!(is_hidden(&answer.to_string()), "{answer}");

    let token = answer["token"].as_str().unwrap();
    let me = stack
        .anonymous()
        .with_token(token)
        .get("/api/auth/me")
        .await;
    assert_eq!(&me.expect(200), user);
}

#[tokio::test]
async fn what_is_stored_has_the_field_names_of_the_predecessor() {
    use mongodb::bson::{Document, doc, spec::ElementType};

    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    let stored = users
        .find_one(doc! { "username": &ana.username })
        .await
        .unwrap()
        .unwrap();

    let stored_type = |field: &str| stored.get(field).map(mongodb::bson::Bson::element_type);
    for (field, expected) in [
        ("_id", ElementType::ObjectId),
        ("email", ElementType::String),
        ("full_name", ElementType::String),
        ("bio", ElementType::String),
        ("is_verified", ElementType::Boolean),
        ("isShadowBanned", ElementType::Boolean),
        ("followers_count", ElementType::Int64),
        ("settings", ElementType::EmbeddedDocument),
        ("created_at", ElementType::DateTime),
        ("dob", ElementType::DateTime),
    ] {
        assert_eq!(stored_type(field), Some(expected), "{field}: {stored}");
    }
    let hash = stored.get_str("password").unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
}

#[tokio::test]
async fn a_name_or_address_that_is_taken_is_a_conflict_in_any_case() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let anonymous = stack.anonymous();

    let mut body = registration("bo");
    body["email"] = ana.email.to_uppercase().into();
    anonymous
        .post("/api/auth/register", &body)
        .await
        .expect_problem(409, "email_taken");

    let mut body = registration("bo");
    body["username"] = ana.username.as_str().into();
    anonymous
        .post("/api/auth/register", &body)
        .await
        .expect_problem(409, "username_taken");

    let bo = stack.user("bo").await;
    let change = json!({ "username": ana.username });
    bo.patch("/api/users/me", &change)
        .await
        .expect_problem(409, "username_taken");
}

#[tokio::test]
async fn of_two_people_who_take_a_name_at_once_one_gets_it() {
    let stack = Stack::start().await;
    let bodies: Vec<_> = (0..8)
        .map(|_| {
            let mut body = registration("ana");
            body["username"] = "same_name".into();
            body
        })
        .collect();
    let client = stack.anonymous();
    let answers = bodies
        .iter()
        .map(|body| client.post("/api/auth/register", body));
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        1
    );
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.expect_problem(409, "username_taken");
    }
}

#[tokio::test]
async fn a_person_logs_in_whatever_the_case_of_the_address() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let body = json!({ "email": ana.email.to_uppercase(), "password": ana.password });
    let answer = stack
        .anonymous()
        .post("/api/auth/login", &body)
        .await
        .expect(200);
    assert_eq!(answer["user"]["_id"], ana.id.as_str());
    assert_ne!(answer["token"], ana.token.as_str());
}

#[tokio::test]
async fn a_failed_login_does_not_tell_whether_the_account_exists() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let anonymous = stack.anonymous();
    let mut answers = Vec::new();
    for email in [ana.email.as_str(), "nobody@example.org"] {
        let body = json!({ "email": email, "password": "wrong horse battery" });
        let answer = anonymous.post("/api/auth/login", &body).await;
        answers.push(answer.expect_problem(401, "invalid_credentials"));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_person_changes_any_part_of_the_profile() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let before = ana.me().await;

    let change =
        json!({ "bio": "line one\nline two ❤️", "avatar_url": "https://img.example/a.png" });
    let after = ana.patch("/api/users/me", &change).await.expect(200);
    let mut expected = before.clone();
    for field in ["bio", "avatar_url"] {
        expected[field] = change[field].clone();
    }
    assert_eq!(after, expected);
    assert_eq!(ana.me().await, expected);

    let renamed = format!("{}x", ana.username);
    let change = json!({
        "username": renamed, "full_name": "Ana Ã", "is_private": true, "avatar_url": null,
        "settings": { "limits": { "daily_minutes": 30 } },
    });
    let after = ana.patch("/api/users/me", &change).await.expect(200);
    assert_eq!(after["username"], renamed.as_str());
    assert_eq!(after["avatar_url"], Value::Null);
    assert_eq!(after["is_private"], true);
    assert_eq!(after["settings"]["limits"]["daily_minutes"], 30);
    assert_eq!(after["settings"]["privacy"], before["settings"]["privacy"]);
    assert_eq!(after["bio"], expected["bio"]);

    let bo = stack.user("bo").await;
    bo.get(&format!("/api/users/@{renamed}")).await.expect(200);
    let old_name = format!("/api/users/@{}", ana.username);
    bo.get(&old_name)
        .await
        .expect_problem(404, "user_not_found");
}

#[tokio::test]
async fn an_empty_change_changes_nothing() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let before = ana.me().await;
    assert_eq!(
        ana.patch("/api/users/me", &json!({})).await.expect(200),
        before
    );
}

#[tokio::test]
async fn others_see_an_account_by_id_and_by_name_without_what_is_private() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let by_id = bo.get(&format!("/api/users/{}", ana.id)).await.expect(200);
    let by_name = bo
        .get(&format!("/api/users/@{}", ana.username.to_uppercase()))
        .await
        .expect(200);
    assert_eq!(by_id, by_name);

    let mut fields: Vec<_> = by_id
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "_id",
            "avatar_url",
            "bio",
            "created_at",
            "followers_count",
            "following_count",
            "full_name",
            "is_private",
            "is_verified",
            "posts_count",
            "relation",
            "username",
        ]
    );
    let relation = json!({
        "following": false, "followed_by": false, "requested": false, "blocking": false, "muting": false,
    });
    assert_eq!(by_id["relation"], relation);
}

#[tokio::test]
async fn a_resource_that_has_not_changed_is_not_sent_again() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let first = ana.get("/api/auth/me").await;
    let tag = first.header("etag").expect("an entity tag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");

    let knowing = stack
        .anonymous()
        .with_token(&ana.token)
        .with_header("if-none-match", &tag);
    let second = knowing.get("/api/auth/me").await;
    assert_eq!((second.status, second.body.len()), (304, 0));

    ana.patch("/api/users/me", &json!({ "bio": "new" }))
        .await
        .expect(200);
    knowing.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_logout_ends_one_login_within_a_second() {
    let stack = Stack::start().await;
    let phone = stack.user("ana").await;
    let laptop = phone.log_in_again().await;

    assert_eq!(phone.log_out().await.status, 204);
    is_dead_within_a_second(&phone).await;
    laptop.me().await;
}

#[tokio::test]
async fn a_logout_everywhere_ends_all_logins_and_a_new_one_works() {
    let stack = Stack::start().await;
    let phone = stack.user("ana").await;
    let laptop = phone.log_in_again().await;
    let bo = stack.user("bo").await;

    assert_eq!(phone.post_empty("/api/auth/logout-all").await.status, 204);
    is_dead_within_a_second(&phone).await;
    is_dead_within_a_second(&laptop).await;
    bo.me().await;
    phone.log_in_again().await.me().await;
}

#[tokio::test]
async fn the_published_key_verifies_the_token() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let keys = stack
        .anonymous()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);

    // By hand: what a third party would do with nothing but the two standards.
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = ana.token.rsplit_once('.').unwrap();
    let header: Value =
        serde_json::from_slice(&decoded(signed.split('.').next().unwrap())).unwrap();
    assert_eq!(header["alg"], "EdDSA");
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"]);
    let key = key.expect("the key that the token names");
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    let public: [u8; 32] = decoded(key["x"].as_str().unwrap()).try_into().unwrap();
    VerifyingKey::from_bytes(&public)
        .unwrap()
        .verify_strict(
            signed.as_bytes(),
            &Signature::from_slice(&decoded(signature)).unwrap(),
        )
        .unwrap();
    let secret = ["d", "p", "q"].iter().any(|field| key.get(field).is_some());
    assert!(!secret, "{keys}");
}

#[tokio::test]
async fn a_token_expires_when_it_says() {
    let stack = Stack::builder()
        .setting("token-lifetime", "1h")
        .start()
        .await;
    let ana = stack.user("ana").await;
    stack.clock().advance(Duration::from_secs(3500));
    ana.me().await;
    stack.clock().advance(Duration::from_secs(101));
    ana.get("/api/auth/me")
        .await
        .expect_problem(401, "token_expired");
}

#[tokio::test]
async fn nobody_under_thirteen_registers() {
    let stack = Stack::start().await;
    let mut body = registration("kid");
    body["dob"] = "2020-01-01".into();
    let answer = stack.anonymous().post("/api/auth/register", &body).await;
    assert_eq!(
        answer.expect_problem(422, "validation_failed").fields,
        ["dob"]
    );
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_registration_is_said_at_once() {
    let stack = Stack::start().await;
    let body = json!({
        "email": "nowhere", "password": "12345678", "username": "A b", "full_name": " ", "dob": "tomorrow",
    });
    let answer = stack.anonymous().post("/api/auth/register", &body).await;
    let mut fields = answer.expect_problem(422, "validation_failed").fields;
    fields.sort();
    assert_eq!(
        fields,
        ["dob", "email", "full_name", "password", "username"]
    );
}

async fn is_dead_within_a_second(user: &User) {
    eventually(ONE_SECOND, async || {
        user.get("/api/auth/me").await.status == 401
    })
    .await;
    user.get("/api/auth/me")
        .await
        .expect_problem(401, "session_revoked");
    let who = format!("/api/users/{}", user.id);
    user.get(&who).await.expect_problem(401, "session_revoked");
}

fn is_date(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2026-01-01T00:00:00.000Z".len() && text.ends_with('Z')
}

/// Whether nothing of the stored secrets shows.
fn is_hidden(text: &str) -> bool {
    ![
        "$argon2",
        "password",
        "isShadowBanned",
        "email_lower",
        "tokens_valid_after",
    ]
    .iter()
    .any(|secret| text.contains(secret))
}
