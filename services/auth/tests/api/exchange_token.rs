use std::time::Duration;

use bson::{Document, doc};
use contracts::{
    auth::v1::{
        ExchangeTokenRequest, ExchangeTokenResponse, sessions_service_client::SessionsServiceClient,
    },
    timestamp, timestamp_of,
};
use domain::Timestamp;
use runtime::Clock;
use testkit::{Stack, User};
use tonic::{Code, Status};

use crate::{auth, channel, documents, user};

/// Answers what the gateway gets for a token of `user` that was issued at `issued_at`.
async fn exchange(
    stack: &Stack,
    user: &User,
    issued_at: Timestamp,
    mark: u8,
) -> Result<ExchangeTokenResponse, Status> {
    let request = ExchangeTokenRequest {
        user_id: user.id.clone(),
        issued_at: Some(timestamp(issued_at)),
        expires_at: None,
        digest: vec![mark; 32],
    };
    let mut sessions = SessionsServiceClient::new(channel(stack));
    let answer = sessions.exchange_token(request);
    answer.await.map(tonic::Response::into_inner)
}

fn refused(answer: Result<ExchangeTokenResponse, Status>) {
    assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
}

/// The second that the stack's clock shows.
fn this_second(stack: &Stack) -> Timestamp {
    Timestamp::from_millis(stack.clock().now().as_secs() * 1000)
}

#[tokio::test]
async fn an_old_token_is_good_for_one_session_however_often_it_is_shown() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let issued_at = this_second(&stack).minus(Duration::from_hours(24));
    let first = exchange(&stack, &ana, issued_at, 1).await.unwrap();
    let lifetime = Duration::from_hours(90 * 24);
    let ends = timestamp_of(first.expires_at.unwrap());
    assert_eq!(ends, issued_at.plus(lifetime));
    let client = stack.insider().with_token(&first.token);
    assert_eq!(
        client.get("/api/auth/me").await.expect(200)["_id"],
        ana.id.as_str()
    );

    stack.clock().advance(Duration::from_hours(1));
    let at_once = (0..4).map(|_| exchange(&stack, &ana, issued_at, 2));
    let at_once = futures_util::future::join_all(at_once).await;
    let again = exchange(&stack, &ana, issued_at, 1).await.unwrap();
    assert_eq!(again.token, first.token);
    for other in &at_once {
        assert_eq!(
            other.as_ref().unwrap().token,
            at_once[0].as_ref().unwrap().token
        );
    }
    let sessions = documents(&stack, "sessions", doc! { "created_at": issued_at }).await;
    assert_eq!(sessions.len(), 2);
}

#[tokio::test]
async fn a_session_ends_when_the_old_token_would_have() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let (issued_at, hour) = (this_second(&stack), Duration::from_hours(1));
    let request = ExchangeTokenRequest {
        user_id: ana.id.clone(),
        issued_at: Some(timestamp(issued_at)),
        expires_at: Some(timestamp(issued_at.plus(hour))),
        digest: vec![1; 32],
    };
    let mut client = SessionsServiceClient::new(channel(&stack));
    let answer = client
        .exchange_token(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        timestamp_of(answer.expires_at.unwrap()),
        issued_at.plus(hour)
    );
    stack.clock().advance(hour);
    refused(
        client
            .exchange_token(request)
            .await
            .map(tonic::Response::into_inner),
    );
}

#[tokio::test]
async fn whoever_has_logged_out_of_it_cannot_come_back_with_it() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let issued_at = this_second(&stack);
    let token = exchange(&stack, &ana, issued_at, 1).await.unwrap().token;
    let client = stack.insider().with_token(&token);
    assert_eq!(client.post_empty("/api/auth/logout").await.status, 204);
    refused(exchange(&stack, &ana, issued_at, 1).await);
    // Another token is another login.
    exchange(&stack, &ana, issued_at, 2).await.unwrap();
}

#[tokio::test]
async fn logging_out_everywhere_ends_the_tokens_of_before() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let before = this_second(&stack);
    stack.clock().advance(Duration::from_secs(3));
    ana.post_empty("/api/auth/logout-all").await;
    refused(exchange(&stack, &ana, before, 1).await);
    // The second itself may hold both kinds.
    let account = documents(&stack, "users", doc! {}).await;
    let ended_at: Timestamp = (*account[0].get_datetime("tokens_valid_after").unwrap()).into();
    let second = Timestamp::from_millis(ended_at.as_secs() * 1000);
    if ended_at > second {
        refused(exchange(&stack, &ana, second, 2).await);
    }
    let next = second.plus(Duration::from_secs(1));
    exchange(&stack, &ana, next, 3).await.unwrap();
    let alive = documents(&stack, "sessions", doc! { "revoked_at": null }).await;
    assert_eq!(alive.len(), 1);
}

#[tokio::test]
async fn no_login_slips_by_the_end_of_all() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    for round in 0..25 {
        let now = this_second(&stack);
        let marks = round * 8..round * 8 + 8;
        let logins = marks.map(|mark| exchange(&stack, &ana, now, mark));
        let end = ana.post_empty("/api/auth/logout-all");
        let (ended, _) = tokio::join!(end, futures_util::future::join_all(logins));
        assert_eq!(ended.status, 204);
        let account = documents(&stack, "users", doc! {}).await;
        let ended_at = account[0].get_datetime("tokens_valid_after").unwrap();
        let slipped_by = doc! { "revoked_at": null, "created_at": { "$lt": *ended_at } };
        let slipped_by = documents(&stack, "sessions", slipped_by).await;
        assert!(slipped_by.is_empty(), "in round {round}");
    }
}

#[tokio::test]
async fn a_locked_or_unknown_account_gets_nothing() {
    let stack = auth().await;
    let (ana, mut bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let issued_at = this_second(&stack);
    exchange(&stack, &ana, issued_at, 1).await.unwrap();
    let users = stack.mongodb().collection::<Document>("users");
    let suspend = doc! { "$set": { "status": "suspended" } };
    users.update_many(doc! {}, suspend).await.unwrap();
    refused(exchange(&stack, &ana, issued_at, 1).await);
    refused(exchange(&stack, &ana, issued_at, 2).await);
    bo.id = "0".repeat(24);
    refused(exchange(&stack, &bo, issued_at, 3).await);
}

#[tokio::test]
async fn a_session_id_that_is_somebody_elses_is_not_taken_over() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let issued_at = this_second(&stack);
    exchange(&stack, &ana, issued_at, 1).await.unwrap();
    refused(exchange(&stack, &bo, issued_at, 1).await);
}

#[tokio::test]
async fn what_cannot_be_a_token_is_an_invalid_argument() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let good = ExchangeTokenRequest {
        user_id: ana.id.clone(),
        issued_at: Some(timestamp(this_second(&stack))),
        expires_at: None,
        digest: vec![1; 32],
    };
    let requests = [
        ExchangeTokenRequest {
            user_id: "ana".to_owned(),
            ..good.clone()
        },
        ExchangeTokenRequest {
            issued_at: None,
            ..good.clone()
        },
        ExchangeTokenRequest {
            digest: vec![1; 31],
            ..good
        },
    ];
    for request in requests {
        let mut sessions = SessionsServiceClient::new(channel(&stack));
        let answer = sessions.exchange_token(request);
        assert_eq!(answer.await.unwrap_err().code(), Code::InvalidArgument);
    }
}
