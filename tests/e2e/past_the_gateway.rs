//! Nothing internal is reachable without the service credential.

use std::time::Duration;

use contracts::{
    auth::v1::{
        CheckSessionRequest, GetKeysRequest, GetUsersRequest,
        sessions_service_client::SessionsServiceClient, users_service_client::UsersServiceClient,
    },
    rpc::{CREDENTIAL_HEADER, Caller, CallerChannel},
};
use secrecy::{ExposeSecret, SecretString};
use testkit::{Client, Stack, registration};
use tokio_stream::StreamExt;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::operations::{inside, operations};

async fn plain_channel(stack: &Stack) -> Channel {
    let endpoint = Channel::from_shared(stack.auth_grpc_url()).unwrap();
    endpoint.connect().await.unwrap()
}

fn trusted_channel(stack: &Stack) -> CallerChannel {
    let deadline = Duration::from_secs(10);
    Caller::channel(&stack.auth_grpc_url(), stack.credential(), deadline).unwrap()
}

#[tokio::test]
async fn no_operation_answers_without_the_credential() {
    let stack = Stack::builder().without_gateway().start().await;
    let secret = stack.credential().expose_secret().to_owned();
    let wrong = [
        String::new(),
        "x".repeat(32),
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}x"),
        secret.to_uppercase(),
    ];
    for operation in operations() {
        let url = match operation.service {
            "auth" => stack.auth_url(),
            _ => stack.posts_url(),
        };
        let stranger = Client::new(url).with_header("x-request-id", "outside");
        let liars = wrong.iter().map(|credential| {
            let stranger = stranger.clone();
            stranger.with_header(CREDENTIAL_HEADER, credential)
        });
        for client in std::iter::once(stranger.clone()).chain(liars) {
            let answer = operation.ask(&client).await;
            answer.expect_problem(401, "service_credential_required");
        }
        let insider = inside(&stack, operation.service);
        let answer = operation.ask(&insider).await;
        assert_ne!(answer.problem_code(), "service_credential_required");
        let nowhere = stranger.get("/nowhere").await;
        nowhere.expect_problem(401, "service_credential_required");
    }
    stack
        .insider()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
}

#[tokio::test]
async fn the_credential_does_not_replace_a_token() {
    let stack = Stack::builder().without_gateway().start().await;
    stack
        .insider()
        .get("/api/auth/me")
        .await
        .expect_problem(401, "missing_token");
}

#[tokio::test]
async fn a_client_cannot_bring_the_credential_through_the_gateway_nor_see_it() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let forger = ana
        .at(&stack.anonymous())
        .with_header(CREDENTIAL_HEADER, "x".repeat(40).as_str());
    let answer = forger.get("/api/auth/me").await;
    answer.expect(200);
    assert_eq!(answer.header(CREDENTIAL_HEADER), None);
}

#[tokio::test]
async fn no_rpc_answers_without_the_credential() {
    let stack = Stack::builder().without_gateway().start().await;
    let channel = plain_channel(&stack).await;
    let wrong = SecretString::from("y".repeat(40));
    let liar = Caller::channel(&stack.auth_grpc_url(), &wrong, Duration::from_secs(10)).unwrap();

    let mut users = UsersServiceClient::new(channel.clone());
    let mut sessions = SessionsServiceClient::new(channel.clone());
    let mut lying = UsersServiceClient::new(liar);
    let refusals = [
        users
            .get_users(GetUsersRequest::default())
            .await
            .unwrap_err(),
        sessions.get_keys(GetKeysRequest {}).await.unwrap_err(),
        sessions
            .check_session(CheckSessionRequest::default())
            .await
            .unwrap_err(),
        lying
            .get_users(GetUsersRequest::default())
            .await
            .unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.code(), Code::Unauthenticated, "{refusal:?}");
    }

    let mut reflection = ServerReflectionClient::new(channel);
    let listing = tokio_stream::iter([ServerReflectionRequest::default()]);
    let refused = match reflection.server_reflection_info(listing).await {
        Err(status) => status,
        Ok(answers) => answers.into_inner().message().await.unwrap_err(),
    };
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn services_ask_for_accounts_by_id() {
    let stack = Stack::builder().without_gateway().start().await;
    let body = registration("ana");
    let ana = stack
        .insider()
        .post("/api/auth/register", &body)
        .await
        .expect(201);
    let id = ana["user"]["_id"].as_str().unwrap().to_owned();
    let mut users = UsersServiceClient::new(trusted_channel(&stack));

    let unknown = "65f0c0ffee65f0c0ffee65f0".to_owned();
    let user_ids = vec![id.clone(), unknown, id.clone()];
    let found = users
        .get_users(GetUsersRequest { user_ids })
        .await
        .unwrap()
        .into_inner()
        .users;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, id);
    assert_eq!(found[0].username, body["username"].as_str().unwrap());

    let none = users
        .get_users(GetUsersRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(none.users.len(), 0);
    for user_ids in [vec!["nonsense".to_owned()], vec![id; 1001]] {
        let refused = users
            .get_users(GetUsersRequest { user_ids })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn services_ask_for_keys_and_sessions() {
    let stack = Stack::builder().without_gateway().start().await;
    let mut sessions = SessionsServiceClient::new(trusted_channel(&stack));
    let keys = sessions
        .get_keys(GetKeysRequest {})
        .await
        .unwrap()
        .into_inner()
        .jwks_json;
    let published = stack.insider().get("/.well-known/jwks.json").await.text();
    assert_eq!(keys, published);

    let answer = stack
        .insider()
        .post("/api/auth/register", &registration("ana"))
        .await
        .expect(201);
    let token = answer["token"].as_str().unwrap();
    let verifier = tokens::Verifier::new(1);
    verifier.set_keys(&keys).unwrap();
    let now = domain::Timestamp::from_millis(0);
    let session_id = verifier.verify(token, now).unwrap().session_id.to_string();

    let mut is_alive = async |session_id: &str| {
        let request = CheckSessionRequest {
            session_id: session_id.to_owned(),
        };
        sessions
            .check_session(request)
            .await
            .map(|answer| answer.into_inner().is_alive)
    };
    assert!(is_alive(&session_id).await.unwrap());
    stack
        .insider()
        .with_token(token)
        .post_empty("/api/auth/logout")
        .await;
    assert!(!is_alive(&session_id).await.unwrap());
    assert!(!is_alive("65f0c0ffee65f0c0ffee65f0").await.unwrap());
    assert_eq!(
        is_alive("nonsense").await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn orchestrators_ask_for_health_without_a_credential() {
    let stack = Stack::builder().without_gateway().start().await;
    let mut health = HealthClient::new(plain_channel(&stack).await);
    let answer = health
        .check(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
}

#[tokio::test]
async fn reflection_names_every_service() {
    let stack = Stack::builder().without_gateway().start().await;
    let mut reflection = ServerReflectionClient::new(trusted_channel(&stack));
    let listing = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = reflection
        .server_reflection_info(tokio_stream::iter([listing]))
        .await
        .unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for name in [
        "anufy.auth.v1.UsersService",
        "anufy.auth.v1.SessionsService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
}
