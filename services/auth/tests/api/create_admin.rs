use contracts::{
    auth::v1::{CreateAdminRequest, operator_service_client::OperatorServiceClient},
    rpc::CallerChannel,
};
use serde_json::{Value, json};
use testkit::{Stack, User, registration};
use tonic::Code;

use crate::{auth, channel, user};

fn operator(stack: &Stack) -> OperatorServiceClient<CallerChannel> {
    OperatorServiceClient::new(channel(stack))
}

fn request(body: &Value) -> CreateAdminRequest {
    let text = |field: &str| body[field].as_str().unwrap().to_owned();
    CreateAdminRequest {
        email: text("email"),
        username: text("username"),
        password: text("password"),
        full_name: text("full_name"),
    }
}

async fn role(user: &User) -> Value {
    user.me().await["role"].clone()
}

#[tokio::test]
async fn an_administrator_is_made_who_can_log_in() {
    let stack = auth().await;
    let body = registration("root");
    let made = operator(&stack).create_admin(request(&body)).await;
    let made = made.unwrap().into_inner();
    assert!(made.is_new);
    let login = json!({ "email": body["email"], "password": body["password"] });
    let answer = stack.insider().post("/api/auth/login", &login).await;
    let answer = answer.expect(200);
    assert_eq!(answer["user"]["_id"], made.user_id.as_str());
    assert_eq!(answer["user"]["role"], "admin");
    let again = operator(&stack).create_admin(request(&body)).await;
    let again = again.unwrap().into_inner();
    assert_eq!((again.user_id, again.is_new), (made.user_id, false));
}

#[tokio::test]
async fn an_account_with_the_address_is_raised_and_stays_what_it_is() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let mut body = registration("root");
    body["email"] = ana.email.to_uppercase().into();
    body["password"] = "".into();
    let raised = operator(&stack).create_admin(request(&body)).await;
    let raised = raised.unwrap().into_inner();
    assert_eq!((raised.user_id.as_str(), raised.is_new), (&*ana.id, false));
    let own = ana.log_in_again().await.me().await;
    assert_eq!(
        (&own["role"], &own["username"]),
        (&json!("admin"), &json!(ana.username))
    );
    let log = ana.list("/api/admin/audit?actor=operator").await;
    assert_eq!(log[0]["after"], json!({ "role": "admin" }));
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_and_makes_nobody() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let mut body = registration("root");
    body["username"] = "No Name".into();
    body["password"] = "short".into();
    let refused = operator(&stack).create_admin(request(&body)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let message = refused.message();
    assert!(
        message.contains("username") && message.contains("password"),
        "{message}"
    );

    let mut taken = registration("root");
    taken["username"] = ana.username.as_str().into();
    let refused = operator(&stack).create_admin(request(&taken)).await;
    assert_eq!(refused.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(role(&ana).await, "user");
    stack.suspend(&ana).await;
    taken["email"] = ana.email.as_str().into();
    let refused = operator(&stack).create_admin(request(&taken)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}
