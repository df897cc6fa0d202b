use std::{
    collections::HashSet,
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use contracts::{
    auth::v1::{
        CheckSessionRequest, CheckSessionResponse, ExchangeTokenRequest, ExchangeTokenResponse,
        GetKeysRequest, GetKeysResponse,
        sessions_service_server::{SessionsService, SessionsServiceServer},
    },
    rpc::RpcServer,
    timestamp, timestamp_of,
};
use domain::{SessionId, Timestamp, UserId};
use runtime::Shutdown;
use tokens::{Signer, generate_key_pem};
use tonic::{Request, Response, Status, async_trait};

use super::CREDENTIAL;

/// Plays the internal API of auth: its keys, and which sessions have ended.
pub(crate) struct Auth {
    address: String,
    state: Arc<State>,
    shutdown: Shutdown,
}

struct State {
    signer: Signer,
    ended: Mutex<HashSet<String>>,
    is_failing: AtomicBool,
    session_checks: AtomicUsize,
    exchanges: AtomicUsize,
}

impl Auth {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(State {
            signer: Signer::from_pem(&generate_key_pem().unwrap()).unwrap(),
            ended: Mutex::default(),
            is_failing: AtomicBool::new(false),
            session_checks: AtomicUsize::new(0),
            exchanges: AtomicUsize::new(0),
        });
        let server = RpcServer::bind("127.0.0.1:0".parse().unwrap(), CREDENTIAL.into())
            .await
            .unwrap();
        let address = format!("http://{}", server.local_addr().unwrap());
        let shutdown = Shutdown::new();
        let service = SessionsServiceServer::new(Calls(Arc::clone(&state)));
        server
            .spawn(
                |routes| {
                    routes.add_service(service);
                },
                &shutdown,
                Duration::ZERO,
            )
            .await
            .unwrap();
        Self {
            address,
            state,
            shutdown,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn token(&self, user: UserId, session: SessionId, now: Timestamp) -> String {
        let hour = Duration::from_hours(1);
        self.state.signer.issue(user, session, now, hour).unwrap().0
    }

    /// The session is over, as the store knows.
    pub(crate) fn end(&self, session: SessionId) {
        self.state.ended.lock().unwrap().insert(session.to_string());
    }

    pub(crate) fn fail(&self, is_failing: bool) {
        self.state.is_failing.store(is_failing, Ordering::SeqCst);
    }

    pub(crate) fn session_checks(&self) -> usize {
        self.state.session_checks.load(Ordering::SeqCst)
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.state.exchanges.load(Ordering::SeqCst)
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.shutdown.stop_now();
    }
}

/// The login that stands for a token of the predecessor, by its digest.
pub(crate) fn predecessor_session(digest: &[u8]) -> SessionId {
    let mut hex = String::new();
    for byte in &digest[..12] {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex.parse().unwrap()
}

struct Calls(Arc<State>);

impl Calls {
    fn check(&self) -> Result<(), Status> {
        if self.0.is_failing.load(Ordering::SeqCst) {
            return Err(Status::unavailable("down for the test"));
        }
        Ok(())
    }
}

#[async_trait]
impl SessionsService for Calls {
    async fn get_keys(
        &self,
        _: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        self.check()?;
        let jwks_json = self.0.signer.jwks_json();
        Ok(Response::new(GetKeysResponse { jwks_json }))
    }

    async fn check_session(
        &self,
        request: Request<CheckSessionRequest>,
    ) -> Result<Response<CheckSessionResponse>, Status> {
        self.0.session_checks.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        let session = request.into_inner().session_id;
        let is_alive = !self.0.ended.lock().unwrap().contains(&session);
        Ok(Response::new(CheckSessionResponse { is_alive }))
    }

    async fn exchange_token(
        &self,
        request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        self.0.exchanges.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        let request = request.into_inner();
        let session = predecessor_session(&request.digest);
        if self.0.ended.lock().unwrap().contains(&session.to_string()) {
            return Err(Status::unauthenticated("ended"));
        }
        let user = request.user_id.parse().unwrap();
        let issued_at = timestamp_of(request.issued_at.unwrap());
        let day = Duration::from_hours(24);
        let issued = self.0.signer.issue(user, session, issued_at, day);
        let (token, access) = issued.unwrap();
        Ok(Response::new(ExchangeTokenResponse {
            token,
            expires_at: Some(timestamp(access.expires_at)),
        }))
    }
}
