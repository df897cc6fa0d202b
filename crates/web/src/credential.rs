use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use contracts::rpc::{CREDENTIAL_HEADER, credential_matches};
use secrecy::SecretString;

use crate::{ApiError, Code};

/// Refuses whoever is not a service of this deployment.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Arc<SecretString>);

impl Gate {
    pub(crate) fn check(&self, request: &ServiceRequest) -> Result<(), ApiError> {
        let presented = request.headers().get(CREDENTIAL_HEADER);
        if presented.is_some_and(|value| credential_matches(&self.0, value.as_bytes())) {
            return Ok(());
        }
        Err(ApiError::of(Code::ServiceCredentialRequired))
    }
}
