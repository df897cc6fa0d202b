//! Tokens that are sent by mail: whoever has one reads the mail of an account.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bson::{Binary, spec::BinarySubtype};
use domain::{Id, Timestamp, UserId};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::mongo::{StoredToken, TokenPurpose, TokenStore};

/// Bytes of chance in a token: nobody guesses it.
const TOKEN_BYTES: usize = 32;

impl TokenPurpose {
    /// How long a token is good.
    pub(crate) const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail => Duration::from_hours(72),
            Self::ResetPassword => Duration::from_hours(1),
        }
    }
}

/// Makes and knows tokens.
#[derive(Clone)]
pub(crate) struct OneTimeTokens {
    pub(crate) store: TokenStore,
}

impl OneTimeTokens {
    /// A fresh token, in base64url. Earlier ones stay good.
    pub(crate) async fn issue(
        &self,
        user_id: UserId,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<SecretString, StoreError> {
        let bytes: [u8; TOKEN_BYTES] = rand::random();
        let token = SecretString::from(URL_SAFE_NO_PAD.encode(bytes));
        let stored = StoredToken {
            id: Id::generate(),
            user_id,
            purpose,
            digest: Binary {
                subtype: BinarySubtype::Generic,
                bytes: digest(&token).into(),
            },
            expires_at: now.plus(purpose.lifetime()),
        };
        self.store.insert(stored).await?;
        Ok(token)
    }
}

/// What is stored of a token. It has no pattern that a slow hash would have to hide.
pub(crate) fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}
