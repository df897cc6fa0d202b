use std::sync::Arc;

use contracts::{
    auth::v1::{
        CheckSessionRequest, CheckSessionResponse, ExchangeTokenRequest, ExchangeTokenResponse,
        GetKeysRequest, GetKeysResponse, sessions_service_server::SessionsService,
    },
    rpc::parse_id,
};
use domain::SessionId;
use tokens::Signer;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::sessions::Sessions;

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
        _request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        Err(Status::unimplemented("to come"))
    }
}
