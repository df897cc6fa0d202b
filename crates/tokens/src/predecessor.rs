use domain::{Timestamp, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::{TokenError, verifier::TOKEN_MAX};

/// What a valid token of the predecessor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredecessorToken {
    /// Whose it is.
    pub user_id: UserId,
    /// When it was issued, to the second.
    pub issued_at: Timestamp,
    /// When it stops being valid, to the second; not all of them end.
    pub expires_at: Option<Timestamp>,
}

/// Verifies the tokens that the predecessor of this product has issued: signed
/// with a shared secret (HS256, RFC 7518), without a login behind them.
///
/// Only whoever exchanges them for access tokens may accept them.
pub struct PredecessorVerifier {
    key: DecodingKey,
}

/// Its versions named the account differently; a token that does it twice must
/// mean the same one.
#[derive(Deserialize)]
struct Claims {
    sub: Option<UserId>,
    id: Option<UserId>,
    #[serde(rename = "_id")]
    object_id: Option<UserId>,
    user_id: Option<UserId>,
    #[serde(rename = "userId")]
    user: Option<UserId>,
    iat: i64,
    exp: Option<i64>,
}

impl Claims {
    fn user_id(&self) -> Option<UserId> {
        let named = [self.sub, self.id, self.object_id, self.user_id, self.user];
        let mut named = named.into_iter().flatten();
        let first = named.next()?;
        named.all(|other| other == first).then_some(first)
    }
}

impl PredecessorVerifier {
    /// A verifier that knows the predecessor's secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            key: DecodingKey::from_secret(secret.as_bytes()),
        }
    }

    /// Whether `token` looks like one of the predecessor's.
    #[must_use]
    pub fn recognizes(token: &str) -> bool {
        token.len() <= TOKEN_MAX
            && decode_header(token).is_ok_and(|header| header.alg == Algorithm::HS256)
    }

    /// What `token` says, if it is valid at `now`.
    ///
    /// # Errors
    ///
    /// Never [`TokenError::UnknownKey`]: there is one key.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<PredecessorToken, TokenError> {
        if token.len() > TOKEN_MAX {
            return Err(TokenError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        // Checked below against the given time, without leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let data = decode::<Claims>(token, &self.key, &validation).or(Err(TokenError::Invalid))?;
        let claims = data.claims;
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let token = PredecessorToken {
            user_id: claims.user_id().ok_or(TokenError::Invalid)?,
            issued_at: at(claims.iat),
            expires_at: claims.exp.map(at),
        };
        if token.expires_at.is_some_and(|end| end <= now) {
            return Err(TokenError::Expired);
        }
        Ok(token)
    }
}

impl std::fmt::Debug for PredecessorVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PredecessorVerifier")
            .finish_non_exhaustive()
    }
}
