//! What auth is asked over gRPC.

use contracts::{
    auth::v1::{
        CheckSessionRequest, GetKeysRequest, sessions_service_client::SessionsServiceClient,
    },
    rpc::{Caller, CallerChannel, InvalidEndpoint},
};
use domain::SessionId;
use tonic::Status;

use crate::Settings;

/// The owner of logins and keys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Auth {
    client: SessionsServiceClient<CallerChannel>,
}

impl Auth {
    /// auth need not be up.
    pub(crate) fn connect(settings: &Settings) -> Result<Self, InvalidEndpoint> {
        let credential = &settings.credential.service_credential;
        let channel = Caller::channel(&settings.auth_grpc_url, credential, settings.auth_timeout)?;
        Ok(Self {
            client: SessionsServiceClient::new(channel),
        })
    }

    /// The public keys of access tokens, as a JSON Web Key Set.
    pub(crate) async fn keys(&self) -> Result<String, Status> {
        let answer = self.client.clone().get_keys(GetKeysRequest {}).await?;
        Ok(answer.into_inner().jwks_json)
    }

    /// Whether tokens of this session may still be used.
    pub(crate) async fn is_alive(&self, session_id: SessionId) -> Result<bool, Status> {
        let question = CheckSessionRequest {
            session_id: session_id.to_string(),
        };
        let answer = self.client.clone().check_session(question).await?;
        Ok(answer.into_inner().is_alive)
    }
}
