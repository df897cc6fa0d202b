use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use domain::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use quick_cache::sync::Cache;
use tokio::sync::Notify;

use crate::{AccessToken, ISSUER, claims::Claims};

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: wrong form, wrong algorithm, wrong signature, wrong claims.
    #[error("the token is not valid")]
    Invalid,
    /// It was ours, and its time is over.
    #[error("the token has expired")]
    Expired,
    /// Signed with a key that is not known (yet).
    #[error("the token is signed with an unknown key")]
    UnknownKey,
}

/// A key set that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not a JSON Web Key Set.
    #[error("not a key set")]
    Json(#[from] serde_json::Error),
    /// A key in it cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] jsonwebtoken::errors::Error),
}

/// Longest token looked at, in bytes; ours are near 300.
pub(crate) const TOKEN_MAX: usize = 2048;

/// Verifies access tokens against the current public keys.
///
/// A signature check costs about 40 µs, so valid tokens are remembered, keyed
/// by their whole text: a remembered signature under other claims is another
/// key. Expiry is checked on every call, hit or not.
pub struct Verifier {
    keys: RwLock<Arc<HashMap<String, DecodingKey>>>,
    valid: Cache<Box<str>, AccessToken>,
    pub(crate) unknown_key_seen: Notify,
}

impl Verifier {
    /// A verifier without keys that remembers up to `capacity` tokens.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            keys: RwLock::default(),
            valid: Cache::new(capacity),
            unknown_key_seen: Notify::new(),
        }
    }

    /// Takes over a JSON Web Key Set. Keys that are not in it verify nothing any more.
    pub fn set_keys(&self, jwks_json: &str) -> Result<(), InvalidKeySet> {
        let set: JwkSet = serde_json::from_str(jwks_json)?;
        let mut keys = HashMap::new();
        for jwk in &set.keys {
            if let Some(kid) = jwk.common.key_id.clone() {
                keys.insert(kid, DecodingKey::from_jwk(jwk)?);
            }
        }
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let has_lost_a_key = current.keys().any(|kid| !keys.contains_key(kid));
        *current = Arc::new(keys);
        if has_lost_a_key {
            self.valid.clear();
        }
        Ok(())
    }

    /// Whether any key is known.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys().is_empty()
    }

    /// What `token` says, if it is valid at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessToken, TokenError> {
        let access = match self.valid.get(token) {
            Some(access) => access,
            None => self.check(token)?,
        };
        if access.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(access)
    }

    fn check(&self, token: &str) -> Result<AccessToken, TokenError> {
        if token.len() > TOKEN_MAX {
            return Err(TokenError::Invalid);
        }
        let header = decode_header(token).or(Err(TokenError::Invalid))?;
        if header.alg != Algorithm::EdDSA {
            return Err(TokenError::Invalid);
        }
        let keys = self.keys();
        let key = header.kid.as_ref().and_then(|kid| keys.get(kid));
        let Some(key) = key else {
            self.unknown_key_seen.notify_one();
            return Err(TokenError::UnknownKey);
        };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Checked by the caller against the injected clock, without leeway.
        validation.validate_exp = false;
        let data = decode::<Claims>(token, key, &validation).or(Err(TokenError::Invalid))?;
        let access = AccessToken::from(data.claims);
        self.valid.insert(token.into(), access);
        Ok(access)
    }

    fn keys(&self) -> Arc<HashMap<String, DecodingKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("keys", &self.keys().len())
            .field("remembered", &self.valid.len())
            .finish_non_exhaustive()
    }
}
