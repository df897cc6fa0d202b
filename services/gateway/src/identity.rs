//! Who is asking: the access token of a request.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};
use runtime::Clock;
use tokens::{AccessToken, TokenError, Verifier};

use crate::problem::Code;

/// What the `Authorization` header of a request amounts to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Credential {
    /// A token that is valid; whether its session was revoked is another question.
    Valid(AccessToken),
    /// None, or one that is not accepted, and why.
    Refused(Code),
}

/// Verifies access tokens.
pub(crate) struct Identity {
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
}

impl Identity {
    pub(crate) fn new(verifier: Arc<Verifier>, clock: Arc<dyn Clock>) -> Self {
        Self { verifier, clock }
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
        match self.verifier.verify(token, self.clock.now()) {
            Ok(access) => Credential::Valid(access),
            Err(TokenError::Expired) => Credential::Refused(Code::TokenExpired),
            Err(TokenError::Invalid | TokenError::UnknownKey) => {
                Credential::Refused(Code::TokenInvalid)
            }
        }
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
