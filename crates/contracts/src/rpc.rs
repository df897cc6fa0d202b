//! How the internal gRPC calls are made and served: service credential,
//! deadlines, trace context, health, reflection, drain.

mod address;
mod client;
mod ids;
mod server;

pub use address::{parse_authority, parse_url};
pub use client::{Caller, CallerChannel, InvalidEndpoint};
pub use ids::{parse_id, parse_ids, parse_page};
pub use server::{RpcServer, RpcServerError};

/// The metadata key and HTTP header that carries the service credential.
pub const CREDENTIAL_HEADER: &str = "x-anufy-service-credential";

/// Whether `presented` is the deployment's credential, in time that does not
/// depend on how much of it is right.
#[must_use]
pub fn credential_matches(expected: &secrecy::SecretString, presented: &[u8]) -> bool {
    use secrecy::ExposeSecret;
    use subtle::ConstantTimeEq;

    expected.expose_secret().as_bytes().ct_eq(presented).into()
}
