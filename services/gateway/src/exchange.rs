//! Access tokens in place of those of the predecessor, which only the gateway accepts.

use std::sync::Arc;

use contracts::{
    auth::v1::{ExchangeTokenRequest, sessions_service_client::SessionsServiceClient},
    kind_of,
    rpc::CallerChannel,
    timestamp,
};
use domain::ErrorKind;
use http::HeaderValue;
use quick_cache::sync::Cache;
use runtime::Clock;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokens::{AccessToken, PredecessorToken, PredecessorVerifier, TokenError, Verifier};

use crate::problem::Code;

/// Most tokens whose exchange is remembered.
const EXCHANGES: usize = 65_536;

/// SHA-256 of a token.
type TokenDigest = [u8; 32];

/// Exchanges tokens at auth, each once as long as it is remembered.
///
/// What was exchanged is a login like any other: that it was revoked is found
/// where it is found of all of them, so a remembered exchange ends nothing late.
pub(crate) struct Exchange {
    predecessor: PredecessorVerifier,
    client: SessionsServiceClient<CallerChannel>,
    verifier: Arc<Verifier>,
    exchanged: Cache<TokenDigest, Exchanged>,
    clock: Arc<dyn Clock>,
}

/// A token of the predecessor that its secret has signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchangeable {
    token: PredecessorToken,
    digest: TokenDigest,
}

/// What somebody got for a token of the predecessor.
#[derive(Clone, Debug)]
pub(crate) struct Exchanged {
    pub(crate) access: AccessToken,
    /// For the services, in place of what the client has sent.
    pub(crate) authorization: HeaderValue,
}

/// What a token of the predecessor amounts to at the moment.
pub(crate) enum Standing {
    /// It was exchanged before.
    Known(Exchanged),
    /// auth has to be asked.
    New(Exchangeable),
}

impl Exchange {
    pub(crate) fn new(
        secret: &SecretString,
        channel: CallerChannel,
        verifier: Arc<Verifier>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            predecessor: PredecessorVerifier::new(secret.expose_secret()),
            client: SessionsServiceClient::new(channel),
            verifier,
            exchanged: Cache::new(EXCHANGES),
            clock,
        }
    }

    /// Whose token it is, if it is the predecessor's; `None` if it is not one of its kind.
    pub(crate) fn examine(&self, token: &str) -> Option<Result<Standing, TokenError>> {
        if !PredecessorVerifier::recognizes(token) {
            return None;
        }
        let digest = Sha256::digest(token).into();
        if let Some(known) = self.exchanged.get(&digest) {
            let is_over = known.access.expires_at <= self.clock.now();
            return Some(if is_over {
                Err(TokenError::Expired)
            } else {
                Ok(Standing::Known(known))
            });
        }
        let verified = self.predecessor.verify(token, self.clock.now());
        Some(verified.map(|token| Standing::New(Exchangeable { token, digest })))
    }

    /// Exchanges a token. Requests that come with the same one at a time are one question.
    pub(crate) async fn exchange(&self, old: Exchangeable) -> Result<Exchanged, Code> {
        let ask = self.ask(old);
        self.exchanged.get_or_insert_async(&old.digest, ask).await
    }

    async fn ask(&self, old: Exchangeable) -> Result<Exchanged, Code> {
        let request = ExchangeTokenRequest {
            user_id: old.token.user_id.to_string(),
            issued_at: Some(timestamp(old.token.issued_at)),
            expires_at: old.token.expires_at.map(timestamp),
            digest: old.digest.to_vec(),
        };
        let answer = self.client.clone().exchange_token(request).await;
        let answer = answer.map_err(|status| {
            if kind_of(&status) == ErrorKind::Unauthenticated {
                return Code::SessionRevoked;
            }
            tracing::warn!(%status, "token not exchanged");
            Code::UpstreamUnavailable
        })?;
        let token = answer.into_inner().token;
        let access = self.verifier.verify(&token, self.clock.now());
        let access = access.map_err(|error| match error {
            TokenError::Expired => Code::TokenExpired,
            // Signed with a key that is on its way here.
            TokenError::Invalid | TokenError::UnknownKey => Code::UpstreamUnavailable,
        })?;
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {token}")).or(Err(Code::UpstreamUnavailable))?;
        authorization.set_sensitive(true);
        Ok(Exchanged {
            access,
            authorization,
        })
    }
}
