use std::sync::Arc;

use contracts::{
    auth::v1::{
        CheckSessionRequest, CheckSessionResponse, ExchangeTokenRequest, ExchangeTokenResponse,
        GetKeysRequest, GetKeysResponse, sessions_service_server::SessionsService,
    },
    rpc::parse_id,
    status, timestamp, timestamp_of,
};
use domain::{ErrorKind, SessionId};
use tokens::Signer;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{sessions::Sessions, token_exchange::PredecessorToken};

pub(crate) struct SessionsApi {
    pub(crate) sessions: Sessions,
    pub(crate) signer: Arc<Signer>,
}

#[tonic::async_trait]
impl SessionsService for SessionsApi {
    async fn get_keys(
        &self,
        _request: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        let jwks_json = self.signer.jwks_json();
        Ok(Response::new(GetKeysResponse { jwks_json }))
    }

    async fn check_session(
        &self,
        request: Request<CheckSessionRequest>,
    ) -> Result<Response<CheckSessionResponse>, Status> {
        let id: SessionId = parse_id(&request.into_inner().session_id)?;
        let is_alive = self.sessions.is_alive(id).await.map_err(refuse)?;
        Ok(Response::new(CheckSessionResponse { is_alive }))
    }

    async fn exchange_token(
        &self,
        request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        let old = predecessor_token(&request.into_inner())?;
        let exchanged = self.sessions.exchange(old).await.map_err(refuse)?;
        Ok(Response::new(ExchangeTokenResponse {
            token: exchanged.token,
            expires_at: Some(timestamp(exchanged.expires_at)),
        }))
    }
}

fn predecessor_token(request: &ExchangeTokenRequest) -> Result<PredecessorToken, Status> {
    let invalid = |what| status(ErrorKind::Invalid, what);
    let digest = request.digest.as_slice().try_into();
    Ok(PredecessorToken {
        user_id: parse_id(&request.user_id)?,
        issued_at: request
            .issued_at
            .map(timestamp_of)
            .ok_or_else(|| invalid("issued_at is required"))?,
        expires_at: request.expires_at.map(timestamp_of),
        digest: digest.or(Err(invalid("digest must be 32 bytes")))?,
    })
}
