//! `anufy admin create`: where everybody's rights come from.

use std::{fs, path::Path};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{Stack, User, registration};

use crate::operator::anufy;

/// Runs the command for who `body` says; without a file, no password is there.
async fn create(stack: &Stack, body: &Value, password: Option<&Path>) -> (Option<i32>, String) {
    let owner = vec![
        ("AUTH_GRPC_URL", stack.auth_grpc_url()),
        (
            "SERVICE_CREDENTIAL",
            stack.credential().expose_secret().to_owned(),
        ),
    ];
    let text = |field: &str| body[field].as_str().unwrap();
    let mut arguments = vec!["admin", "create"];
    for (flag, field) in [
        ("--email", "email"),
        ("--username", "username"),
        ("--full-name", "full_name"),
    ] {
        arguments.extend([flag, text(field)]);
    }
    if let Some(file) = password {
        arguments.extend(["--password-file", file.to_str().unwrap()]);
    }
    anufy(&arguments, owner).await
}

/// A file with a password and a line break, as an editor leaves it.
fn password_file(body: &Value) -> std::path::PathBuf {
    let name = format!("password-{}", body["username"].as_str().unwrap());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, format!("{}\n", body["password"].as_str().unwrap())).unwrap();
    file
}

#[tokio::test]
async fn the_operator_makes_an_administrator_who_makes_moderators() {
    let stack = Stack::start().await;
    let body = registration("root");
    let file = password_file(&body);
    let (status, output) = create(&stack, &body, Some(&file)).await;
    fs::remove_file(&file).unwrap();
    assert_eq!(status, Some(0), "{output}");
    assert!(output.trim_end().ends_with(" made"), "{output}");

    let login = json!({ "email": body["email"], "password": body["password"] });
    let door = stack.anonymous();
    let answer = door.post("/api/auth/login", &login).await.expect(200);
    let admin = door.with_token(answer["token"].as_str().unwrap());
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let path = |user: &User| format!("/api/admin/users/{}", user.id);
    let moderator = json!({ "role": "moderator" });
    admin.patch(&path(&ana), &moderator).await.expect(200);
    let suspended = json!({ "status": "suspended" });
    ana.patch(&path(&bo), &suspended).await.expect(200);
    let answer = bo.get("/api/auth/me").await;
    answer.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn who_has_the_address_is_raised_and_keeps_the_password() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let mut body = registration("root");
    body["email"] = ana.email.as_str().into();
    let (status, output) = create(&stack, &body, None).await;
    assert_eq!(status, Some(0), "{output}");
    assert_eq!(output.trim_end(), format!("{} raised", ana.id));
    assert_eq!(ana.log_in_again().await.me().await["role"], "admin");
}

#[tokio::test]
async fn what_is_refused_is_said_and_the_status_is_1() {
    let stack = Stack::builder().without_gateway().without_posts();
    let stack = stack.start().await;
    let mut body = registration("root");
    body["username"] = "No Name".into();
    let (status, output) = create(&stack, &body, None).await;
    assert_eq!(status, Some(1), "{output}");
    for field in ["username", "password"] {
        assert!(output.contains(field), "{output}");
    }
    let missing = Path::new("/nonexistent/password");
    let (status, output) = create(&stack, &body, Some(missing)).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("/nonexistent/password"), "{output}");
}
