//! Who opens a socket.

use std::sync::Arc;

use contracts::rpc::{CREDENTIAL_HEADER, credential_matches};
use http::header::AUTHORIZATION;
use runtime::Clock;
use secrecy::SecretString;
use serde_json::Value;
use socketio::Handshake;
use tokens::{AccessToken, TokenError, Verifier};

use crate::refusal::Refusal;

/// Verifies what clients show.
pub(crate) struct Identity {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) credential: SecretString,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Identity {
    /// What the token of a handshake says, if it is valid; whether its session
    /// was revoked is another question.
    pub(crate) fn of(&self, handshake: &Handshake) -> Result<AccessToken, Refusal> {
        let presented = handshake.headers().get(CREDENTIAL_HEADER);
        if !presented.is_some_and(|it| credential_matches(&self.credential, it.as_bytes())) {
            return Err(Refusal::CredentialRequired);
        }
        let query = handshake.query("token");
        let shown = shown_token(
            handshake.auth.as_ref(),
            handshake.header(&AUTHORIZATION),
            query.as_deref(),
        );
        let token = shown.ok_or(Refusal::MissingToken)?;
        // Not the client's fault: it must not throw its token away.
        if !self.verifier.has_keys() {
            return Err(Refusal::Unavailable);
        }
        let verified = self.verifier.verify(token, self.clock.now());
        verified.map_err(|error| match error {
            TokenError::Expired => Refusal::TokenExpired,
            TokenError::Invalid | TokenError::UnknownKey => Refusal::TokenInvalid,
        })
    }
}

/// `auth.token`; else the header; else the query, for clients that can set neither.
fn shown_token<'a>(
    auth: Option<&'a Value>,
    authorization: Option<&'a str>,
    query: Option<&'a str>,
) -> Option<&'a str> {
    let auth = || auth?.get("token")?.as_str();
    let header = || {
        let (scheme, token) = authorization?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then_some(token.trim_matches(' '))
    };
    let shown = auth().or_else(header).or(query)?;
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_looked_for_in_the_payload_then_the_header_then_the_query() {
        let (auth, header, query) = (json!({ "token": "auth" }), "bearer  header ", "query");
        let all = shown_token(Some(&auth), Some(header), Some(query));
        assert_eq!(all, Some("auth"));
        assert_eq!(shown_token(None, Some(header), Some(query)), Some("header"));
        assert_eq!(shown_token(None, None, Some(query)), Some("query"));
        assert_eq!(
            shown_token(None, Some("Basic x"), Some(query)),
            Some("query")
        );
        assert_eq!(shown_token(None, None, None), None);
    }

    #[test]
    fn what_is_no_token_counts_as_none() {
        for auth in [json!({}), json!({ "token": 1 }), json!({ "token": "" })] {
            assert_eq!(shown_token(Some(&auth), None, None), None);
        }
    }
}
