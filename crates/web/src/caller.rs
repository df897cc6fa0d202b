use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::AUTHORIZATION, web::Data};
use domain::{SessionId, UserId};
use runtime::Clock;
use tokens::{TokenError, Verifier};

use crate::{ApiError, Code};

/// Verifies who calls. Put one into the application data of a service.
pub struct Authenticator {
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Verifies with the keys of `verifier`, by the time of `clock`.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>, clock: Arc<dyn Clock>) -> Self {
        Self { verifier, clock }
    }
}

/// The account that calls, proven by its access token.
///
/// The gateway has checked the token, too, and whether its session is
/// revoked; a service still believes only the signature.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Who.
    pub user_id: UserId,
    /// From which login.
    pub session_id: SessionId,
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Caller, ApiError> {
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| ApiError::of(Code::MissingToken))?;
    let authenticator = request.app_data::<Data<Authenticator>>();
    let authenticator = authenticator.ok_or_else(|| ApiError::of(Code::Internal))?;
    // Not the client's fault: a 401 would make it throw its token away.
    if !authenticator.verifier.has_keys() {
        return Err(ApiError::of(Code::Unavailable));
    }
    let access = authenticator
        .verifier
        .verify(token, authenticator.clock.now())
        .map_err(|error| match error {
            TokenError::Expired => ApiError::of(Code::TokenExpired),
            TokenError::Invalid | TokenError::UnknownKey => ApiError::of(Code::TokenInvalid),
        })?;
    tracing::Span::current().record("user.id", tracing::field::display(access.user_id));
    Ok(Caller {
        user_id: access.user_id,
        session_id: access.session_id,
    })
}
