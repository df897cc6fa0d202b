use secrecy::{ExposeSecret, SecretString};

/// Longest password that is hashed, in bytes: more is an attempt to keep a core busy.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Longest token that is looked for, in bytes; ours are 43.
const TOKEN_BYTES_MAX: usize = 128;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "garde passes its context so"
)]
pub(super) fn password(password: &SecretString, _: &()) -> garde::Result {
    at_most(password, PASSWORD_BYTES_MAX)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "garde passes its context so"
)]
pub(super) fn token(token: &SecretString, _: &()) -> garde::Result {
    at_most(token, TOKEN_BYTES_MAX)
}

fn at_most(secret: &SecretString, bytes: usize) -> garde::Result {
    if secret.expose_secret().len() > bytes {
        return Err(garde::Error::new("is too long"));
    }
    Ok(())
}
