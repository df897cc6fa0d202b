//! Who is asking: the access token of a request.

use std::sync::Arc;

use domain::SessionId;
use http::{HeaderMap, header::AUTHORIZATION};
use runtime::Clock;
use tokens::{AccessToken, TokenError, Verifier};

use crate::{
    exchange::{Exchange, Exchangeable, Exchanged, Standing},
    problem::Code,
};

/// What the `Authorization` header of a request amounts to.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// A token that is valid; whether its session was revoked is another question.
    Valid(AccessToken),
    /// A token of the predecessor for which there is a valid one.
    Exchanged(Exchanged),
    /// A token of the predecessor for which auth may give a valid one.
    Exchangeable(Exchangeable),
    /// None, or one that is not accepted, and why.
    Refused(Code),
}

/// Verifies access tokens.
pub(crate) struct Identity {
    verifier: Arc<Verifier>,
    /// Where the predecessor's tokens are accepted.
    exchange: Option<Exchange>,
    clock: Arc<dyn Clock>,
}

impl Credential {
    /// The login whose end has to be looked up.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::Valid(access) | Self::Exchanged(Exchanged { access, .. }) => {
                Some(access.session_id)
            }
            Self::Exchangeable(_) | Self::Refused(_) => None,
        }
    }
}

impl Identity {
    pub(crate) fn new(
        verifier: Arc<Verifier>,
        exchange: Option<Exchange>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            verifier,
            exchange,
            clock,
        }
    }

    /// What the headers prove.
    pub(crate) fn credential(&self, headers: &HeaderMap) -> Credential {
        let Some(token) = bearer_token(headers) else {
            return Credential::Refused(Code::MissingToken);
        };
        // Not the client's fault: a 401 would make it throw its token away.
        if !self.verifier.has_keys() {
            return Credential::Refused(Code::UpstreamUnavailable);
        }
        let exchange = self.exchange.as_ref();
        let credential = match exchange.and_then(|exchange| exchange.examine(token)) {
            Some(standing) => standing.map(|standing| match standing {
                Standing::Known(exchanged) => Credential::Exchanged(exchanged),
                Standing::New(exchangeable) => Credential::Exchangeable(exchangeable),
            }),
            None => self
                .verifier
                .verify(token, self.clock.now())
                .map(Credential::Valid),
        };
        credential.unwrap_or_else(|error| {
            Credential::Refused(match error {
                TokenError::Expired => Code::TokenExpired,
                TokenError::Invalid | TokenError::UnknownKey => Code::TokenInvalid,
            })
        })
    }

    /// A valid token in place of one of the predecessor.
    pub(crate) async fn exchange(&self, exchangeable: Exchangeable) -> Result<Exchanged, Code> {
        let exchange = self.exchange.as_ref().ok_or(Code::TokenInvalid)?;
        exchange.exchange(exchangeable).await
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        for (value, expected) in [
            ("Bearer t.o.k", Some("t.o.k")),
            ("bearer  t.o.k ", Some("t.o.k")),
            ("Basic t.o.k", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("t.o.k", None),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(bearer_token(&headers), expected, "{value}");
        }
    }
}
