use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{SessionId, Timestamp, UserId};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::{AccessToken, ISSUER, claims::Claims};

/// The key is not an Ed25519 private key in PKCS #8 PEM.
#[derive(Debug, thiserror::Error)]
#[error("not an Ed25519 private key in PKCS #8 PEM")]
pub struct InvalidKey;

/// Issues access tokens. Its key identifier is the RFC 7638 thumbprint of the
/// public key, so that replicas with one key agree on its name.
pub struct Signer {
    key: EncodingKey,
    kid: String,
    public_x: String,
}

impl Signer {
    /// Takes the private key.
    pub fn from_pem(pem: &SecretString) -> Result<Self, InvalidKey> {
        let key = SigningKey::from_pkcs8_pem(pem.expose_secret().trim()).or(Err(InvalidKey))?;
        let der = key.to_pkcs8_der().or(Err(InvalidKey))?;
        let public_x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        // The members in the order and form that RFC 7638 prescribes (RFC 8037, section 2).
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public_x}"}}"#);
        Ok(Self {
            key: EncodingKey::from_ed_der(der.as_bytes()),
            kid: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)),
            public_x,
        })
    }

    /// The public key as a JSON Web Key Set.
    #[must_use]
    pub fn jwks_json(&self) -> String {
        serde_json::json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": self.kid, "x": self.public_x,
        }]})
        .to_string()
    }

    /// Issues a token that is valid from `now` for `lifetime`, both to the second.
    pub fn issue(
        &self,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<(String, AccessToken), jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: user_id,
            sid: session_id,
            iat: now.as_secs(),
            exp: now.plus(lifetime).as_secs(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let token = encode(&header, &claims, &self.key)?;
        Ok((token, claims.into()))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// A fresh Ed25519 private key in PKCS #8 PEM.
pub fn generate_key_pem() -> Result<SecretString, InvalidKey> {
    let key = SigningKey::from_bytes(&rand::random());
    let pem = key.to_pkcs8_pem(LineEnding::LF).or(Err(InvalidKey))?;
    Ok(SecretString::from(pem.as_str()))
}
