//! The internal API over real sockets: credential, deadline, health, reflection, drain.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use contracts::{
    auth::v1::{
        CheckSessionRequest, CheckSessionResponse, ExchangeTokenRequest, ExchangeTokenResponse,
        GetKeysRequest, GetKeysResponse,
        sessions_service_client::SessionsServiceClient,
        sessions_service_server::{SessionsService, SessionsServiceServer},
    },
    kind_of,
    rpc::{Caller, CallerChannel, RpcServer},
};
use domain::ErrorKind;
use runtime::Shutdown;
use secrecy::SecretString;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const CREDENTIAL: &str = "a credential of at least thirty-two characters";

/// Answers `GetKeys` at once and the rest never.
struct Sessions;

#[tonic::async_trait]
impl SessionsService for Sessions {
    async fn get_keys(
        &self,
        _: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        let jwks_json = "{}".to_owned();
        Ok(Response::new(GetKeysResponse { jwks_json }))
    }

    async fn check_session(
        &self,
        _: Request<CheckSessionRequest>,
    ) -> Result<Response<CheckSessionResponse>, Status> {
        std::future::pending().await
    }

    async fn exchange_token(
        &self,
        _: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        std::future::pending().await
    }
}

fn credential() -> SecretString {
    CREDENTIAL.replace(' ', "-").into()
}

async fn serve(shutdown: &Shutdown) -> SocketAddr {
    let server = RpcServer::bind(([127, 0, 0, 1], 0).into(), credential())
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    server
        .spawn(
            |routes| {
                routes.add_service(SessionsServiceServer::new(Sessions));
            },
            shutdown,
            Duration::ZERO,
        )
        .await
        .unwrap();
    address
}

fn client(
    address: SocketAddr,
    credential: &SecretString,
    deadline: Duration,
) -> SessionsServiceClient<CallerChannel> {
    let channel = Caller::channel(&format!("http://{address}"), credential, deadline).unwrap();
    SessionsServiceClient::new(channel)
}

#[tokio::test]
async fn a_call_with_the_credential_is_answered() {
    let address = serve(&Shutdown::new()).await;
    let mut client = client(address, &credential(), Duration::from_secs(5));
    assert_eq!(
        client
            .get_keys(GetKeysRequest {})
            .await
            .unwrap()
            .into_inner()
            .jwks_json,
        "{}"
    );
}

#[tokio::test]
async fn a_call_without_or_with_another_credential_is_refused() {
    let address = serve(&Shutdown::new()).await;
    let wrong = SecretString::from("x".repeat(40));
    let refused = client(address, &wrong, Duration::from_secs(5))
        .get_keys(GetKeysRequest {})
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);

    let plain = Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let refused = SessionsServiceClient::new(plain)
        .get_keys(GetKeysRequest {})
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_at_its_deadline() {
    let address = serve(&Shutdown::new()).await;
    let mut client = client(address, &credential(), Duration::from_millis(50));
    let session_id = String::new();
    let ended = client
        .check_session(CheckSessionRequest { session_id })
        .await
        .unwrap_err();
    assert_eq!(kind_of(&ended), ErrorKind::Timeout, "{ended:?}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable() {
    let mut client = client(
        ([127, 0, 0, 1], 1).into(),
        &credential(),
        Duration::from_secs(5),
    );
    let ended = client.get_keys(GetKeysRequest {}).await.unwrap_err();
    assert_eq!(kind_of(&ended), ErrorKind::Unavailable, "{ended:?}");
}

#[tokio::test]
async fn health_needs_no_credential() {
    let address = serve(&Shutdown::new()).await;
    let plain = Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let service = String::new();
    let health = HealthClient::new(plain)
        .check(HealthCheckRequest { service })
        .await
        .unwrap();
    assert_eq!(health.into_inner().status, 1);
}

#[tokio::test]
async fn a_drained_server_ends_and_its_port_is_free() {
    let shutdown = Shutdown::new();
    let address = serve(&shutdown).await;
    let mut client = client(address, &credential(), Duration::from_secs(5));
    client.get_keys(GetKeysRequest {}).await.unwrap();
    shutdown.begin_drain();
    tokio::time::timeout(Duration::from_secs(10), shutdown.finished())
        .await
        .unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
