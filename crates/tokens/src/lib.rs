//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037).
//!
//! Every service verifies tokens itself with public keys that auth publishes
//! as a JSON Web Key Set; nobody trusts a header that says who the caller is.
//! Signing is behind the feature `sign`, which only auth turns on.

mod claims;
mod follow;
mod predecessor;
#[cfg(feature = "sign")]
mod signer;
mod verifier;

pub use claims::{AccessToken, ISSUER};
pub use follow::{first_keys, follow_keys};
pub use predecessor::{PredecessorToken, PredecessorVerifier};
#[cfg(feature = "sign")]
pub use signer::{InvalidKey, Signer, generate_key_pem};
pub use verifier::{InvalidKeySet, TokenError, Verifier};
