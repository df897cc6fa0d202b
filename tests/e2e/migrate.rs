//! A database of the predecessor is taken over as it is, and whatever cannot
//! be is listed for a person to decide.

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};
use serde_json::json;
use testkit::{Deployment, Process, Sandbox, Stack};

use std::time::Duration;

const PASSWORD: &str = "predecessor pass";

/// A bcrypt hash as the predecessor's library wrote it, cheap to check.
fn bcrypt_hash(version: bcrypt::Version) -> String {
    bcrypt::hash_with_result(PASSWORD, 4)
        .unwrap()
        .format_for_version(version)
}

fn hash_2b() -> String {
    bcrypt_hash(bcrypt::Version::TwoB)
}

/// Ids in the order the accounts were made.
fn id(n: u8) -> ObjectId {
    ObjectId::from_bytes([0x5f, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, n])
}

/// Accounts that can be taken over whole.
fn sound_accounts() -> Vec<Document> {
    let date = mongodb::bson::DateTime::from_millis(1_600_000_000_000);
    vec![
        doc! {
            "_id": id(1), "username": "Old_Ana", "email": "Old.Ana@Example.org", "full_name": "Ana",
            "password": bcrypt_hash(bcrypt::Version::TwoA), "bio": "hi", "avatar_url": "https://a/b.png",
            "is_verified": true, "isShadowBanned": false, "followers_count": 3, "following_count": 4_i64,
            "posts_count": 5.0, "created_at": date, "__v": 0,
            "settings": { "privacy": { "show_online": false }, "notifications": {}, "limits": {}, "theme": "dark" },
        },
        // Hardly anything.
        doc! { "_id": id(2), "username": "bo", "email": "bo@example.org", "password": bcrypt_hash(bcrypt::Version::TwoB) },
        // Things nobody knows any more.
        doc! {
            "_id": id(3), "username": "céline ❤", "email": "celine@example.org",
            "password": bcrypt_hash(bcrypt::Version::TwoY), "fcm_tokens": ["a", "b"],
            "legacy": { "deep": [ { "x": Bson::Null } ] }, "last_ip": "10.0.0.1",
        },
        // Null where later versions had something.
        doc! {
            "_id": id(4), "username": "dan", "email": "dan@example.org", "password": hash_2b(),
            "avatar_url": Bson::Null, "full_name": "", "settings": {},
        },
    ]
}

/// Accounts that need a decision, with what the report must blame.
fn unsound_accounts() -> Vec<(Document, &'static str)> {
    let hash = hash_2b();
    vec![
        (
            doc! { "_id": id(11), "username": "OLD_ana", "email": "x1@example.org", "password": &hash },
            "username",
        ),
        (
            doc! { "_id": id(12), "username": "eve", "email": "old.ana@EXAMPLE.org", "password": &hash },
            "email",
        ),
        (
            doc! { "_id": id(13), "username": 4711, "email": "x3@example.org", "password": &hash },
            "username",
        ),
        (
            doc! { "_id": id(14), "email": "x4@example.org", "password": &hash },
            "username",
        ),
        (
            doc! { "_id": id(15), "username": "frank", "email": Bson::Null, "password": &hash },
            "email",
        ),
        (
            doc! { "_id": id(16), "username": "grace", "email": "not an address", "password": &hash },
            "email",
        ),
        (
            doc! { "_id": id(17), "username": "henry", "email": "x7@example.org", "password": "plaintext!" },
            "password",
        ),
        (
            doc! { "_id": id(18), "username": "ida", "email": "x8@example.org" },
            "password",
        ),
        (
            doc! { "_id": "a-text-id", "username": "jo", "email": "x9@example.org", "password": &hash },
            "cannot be read",
        ),
        (
            doc! { "_id": id(19), "username": "kim", "email": "x10@example.org", "password": &hash, "is_verified": "kim@private.example", "followers_count": "many" },
            "cannot be read",
        ),
        (
            doc! { "_id": id(20), "username": ["l"], "email": { "$ne": 1 }, "password": &hash },
            "username",
        ),
    ]
}

async fn plant(sandbox: &Sandbox) {
    let users = sandbox.mongodb().collection::<Document>("users");
    let unsound = unsound_accounts().into_iter().map(|(account, _)| account);
    users
        .insert_many(sound_accounts().into_iter().chain(unsound))
        .await
        .unwrap();
}

fn shown(id: Option<&Bson>) -> String {
    match id {
        Some(Bson::ObjectId(id)) => id.to_hex(),
        other => other.unwrap().as_str().unwrap().to_owned(),
    }
}

async fn documents(sandbox: &Sandbox) -> Vec<Document> {
    use futures_util::TryStreamExt;
    let users = sandbox.mongodb().collection::<Document>("users");
    let all = users.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    all.try_collect().await.unwrap()
}

#[tokio::test]
async fn the_report_lists_what_needs_a_decision_and_nothing_else() {
    let deployment = Deployment::new(Sandbox::create().await).await;
    plant(deployment.sandbox()).await;
    let report = deployment.migrate().await;

    for (account, blamed) in unsound_accounts() {
        let id = shown(account.get("_id"));
        let reasons: Vec<_> = report
            .findings
            .iter()
            .filter(|it| it.id.contains(&id))
            .collect();
        assert!(
            reasons.iter().any(|it| it.reason.contains(blamed)),
            "{account}: {reasons:?}"
        );
    }
    for account in sound_accounts() {
        let id = shown(account.get("_id"));
        let reasons: Vec<_> = report
            .findings
            .iter()
            .filter(|it| it.id.contains(&id))
            .collect();
        assert!(reasons.is_empty(), "{account}: {reasons:?}");
    }
    assert_eq!(
        report.examined,
        (sound_accounts().len() + unsound_accounts().len()) as u64
    );
    assert_eq!(report.findings_count, report.findings.len() as u64);
    let text = report.to_string();
    for secret in [
        "@example.org",
        "kim@private.example",
        "$2b$",
        "plaintext!",
        "10.0.0.1",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_second_migration_changes_nothing_and_finds_the_same_when_asked_to() {
    let mut deployment = Deployment::new(Sandbox::create().await).await;
    plant(deployment.sandbox()).await;
    let first = deployment.migrate().await;
    let after_first = documents(deployment.sandbox()).await;

    let second = deployment.migrate().await;
    assert_eq!(documents(deployment.sandbox()).await, after_first);
    assert_eq!(second.completed, 0, "{second}");
    for finding in &second.findings {
        assert!(first.findings.contains(finding), "{finding:?} is new");
    }

    deployment.set("examine-all", "true");
    let third = deployment.migrate().await;
    assert_eq!(documents(deployment.sandbox()).await, after_first);
    assert_eq!(third.completed, 0, "{third}");
    assert_eq!(third.findings, first.findings);
}

#[tokio::test]
async fn fields_that_nobody_knows_are_kept() {
    let deployment = Deployment::new(Sandbox::create().await).await;
    plant(deployment.sandbox()).await;
    let before = documents(deployment.sandbox()).await;
    deployment.migrate().await;
    for (old, new) in before.iter().zip(documents(deployment.sandbox()).await) {
        for (field, value) in old {
            assert_eq!(new.get(field), Some(value), "{field} of {old}");
        }
    }
}

#[tokio::test]
async fn old_accounts_log_in_and_their_hashes_are_replaced() {
    let stack = Stack::start().await;
    plant(stack.sandbox()).await;
    stack.migrate().await;
    let users = stack.mongodb().collection::<Document>("users");
    for account in sound_accounts() {
        let email = account.get_str("email").unwrap();
        let wrong = json!({ "email": email, "password": "predecessor pasS" });
        stack
            .anonymous()
            .post("/api/auth/login", &wrong)
            .await
            .expect_problem(401, "invalid_credentials");

        for round in ["bcrypt", "argon2id"] {
            let body = json!({ "email": email.to_uppercase(), "password": PASSWORD });
            let answer = stack.anonymous().post("/api/auth/login", &body).await;
            assert_eq!(answer.status, 200, "{round} {account}: {answer:?}");
            let answer = answer.json();
            assert_eq!(answer["user"]["_id"], shown(account.get("_id")).as_str());

            let stored = users
                .find_one(doc! { "_id": account.get("_id") })
                .await
                .unwrap()
                .unwrap();
            let hash = stored.get_str("password").unwrap();
            assert!(hash.starts_with("$argon2id$"), "{hash}");

            let token = answer["token"].as_str().unwrap();
            let client = stack.anonymous().with_token(token);
            let me = client.get("/api/auth/me").await.expect(200);
            assert_eq!(me["username"], account.get_str("username").unwrap());
            client
                .patch("/api/users/me", &json!({ "bio": round }))
                .await
                .expect(200);
        }
    }
    // Also after the logins, what nobody knows is still there.
    let stored = users
        .find_one(doc! { "_id": id(3) })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.get_array("fcm_tokens").unwrap().len(), 2);
}

#[tokio::test]
async fn old_accounts_show_what_they_had() {
    let stack = Stack::start().await;
    plant(stack.sandbox()).await;
    stack.migrate().await;
    let ana = stack.user("ana").await;

    let old = ana.get("/api/users/@old_ANA").await.expect(200);
    assert_eq!(old["_id"], id(1).to_hex().as_str());
    assert_eq!(old["username"], "Old_Ana");
    assert_eq!(old["followers_count"], 3);
    assert_eq!(old["posts_count"], 5);
    assert_eq!(old["created_at"], "2020-09-13T12:26:40.000Z");
    // Without a date of its own, an account is as old as its id.
    let bo = ana.get(&format!("/api/users/{}", id(2))).await.expect(200);
    assert_eq!(bo["created_at"], "2020-07-13T06:32:32.000Z");

    // Accounts that cannot be read are not a failure of ours for others to see.
    for id in [11, 12, 13, 14, 15, 16, 17, 18, 19, 20].map(id) {
        let answer = ana.get(&format!("/api/users/{id}")).await;
        assert!(matches!(answer.status, 200 | 404), "{id}: {answer:?}");
    }
    for name in ["@jo", "@kim", "@4711", "@l"] {
        let answer = ana.get(&format!("/api/users/{name}")).await;
        assert!(matches!(answer.status, 200 | 404), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn accounts_that_need_a_decision_log_in_to_nothing_of_others() {
    let stack = Stack::start().await;
    plant(stack.sandbox()).await;
    stack.migrate().await;
    for (account, _) in unsound_accounts() {
        let Ok(email) = account.get_str("email") else {
            continue;
        };
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = stack.anonymous().post("/api/auth/login", &body).await;
        assert!(
            matches!(answer.status, 200 | 401 | 422),
            "{account}: {answer:?}"
        );
        if answer.status == 200 {
            // The address of `eve` folds to that of an older account with the same password.
            let whose = answer.json()["user"]["_id"].as_str().unwrap().to_owned();
            let expected = if email == "old.ana@EXAMPLE.org" {
                id(1).to_hex()
            } else {
                shown(account.get("_id"))
            };
            assert_eq!(whose, expected, "{account}");
        }
    }
    let plain = json!({ "email": "x7@example.org", "password": "plaintext!" });
    stack
        .anonymous()
        .post("/api/auth/login", &plain)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_name_that_an_old_account_has_in_another_case_is_taken() {
    let stack = Stack::start().await;
    plant(stack.sandbox()).await;
    stack.migrate().await;
    let mut body = testkit::registration("x");
    body["username"] = "old_ana".into();
    stack
        .anonymous()
        .post("/api/auth/register", &body)
        .await
        .expect_problem(409, "username_taken");
    let mut body = testkit::registration("x");
    body["email"] = "OLD.ANA@example.org".into();
    stack
        .anonymous()
        .post("/api/auth/register", &body)
        .await
        .expect_problem(409, "email_taken");
}

#[tokio::test]
async fn the_command_prints_the_report_and_exits_well() {
    let deployment = Deployment::new(Sandbox::create().await).await;
    plant(deployment.sandbox()).await;
    let mut process = Process::service("auth", &["migrate"], deployment.environment(&[]));
    let status = process.wait_exit(Duration::from_mins(1)).await;
    let said = process.output().join("\n");
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains(&id(11).to_hex()), "{said}");
    assert!(said.contains("15 accounts examined"), "{said}");
}
