//! Password hashes: argon2id for what we store, bcrypt for what the
//! predecessor stored. Hashing runs on blocking threads, a bounded number at
//! a time, so that a wave of logins cannot starve everything else.

use std::{num::NonZero, sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::AuthError;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    wait: Duration,
    /// Verified when there is no account, so that its absence costs the same.
    decoy: Arc<str>,
}

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Wrong password, or a hash that nothing can match.
    Wrong,
    /// Right, and stored as it should be.
    Right,
    /// Right, stored by the predecessor: replace the hash.
    RightButOld,
}

impl Passwords {
    /// At most `concurrency` at once (0: one per core); callers wait `wait` for their turn.
    pub(crate) fn new(concurrency: usize, wait: Duration) -> Result<Self, AuthError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let concurrency = if concurrency == 0 { cores } else { concurrency };
        Ok(Self {
            permits: Arc::new(Semaphore::new(concurrency)),
            wait,
            decoy: hash_argon2("no account has this password")?.into(),
        })
    }

    /// The argon2id hash of `password`, in PHC form.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, AuthError> {
        self.blocking(move || hash_argon2(password.expose_secret()))
            .await
    }

    /// Compares `password` with a stored hash; without one, takes as long and says `Wrong`.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Verdict, AuthError> {
        let decoy = Arc::clone(&self.decoy);
        self.blocking(move || {
            let password = password.expose_secret();
            Ok(match stored {
                None => {
                    verify_argon2(password, &decoy);
                    Verdict::Wrong
                }
                Some(hash) if is_bcrypt(&hash) => match bcrypt::verify(password, &hash) {
                    Ok(true) => Verdict::RightButOld,
                    // A password with a NUL byte, or a broken hash: nothing matches it.
                    Ok(false) | Err(_) => Verdict::Wrong,
                },
                Some(hash) if verify_argon2(password, &hash) => Verdict::Right,
                Some(_) => Verdict::Wrong,
            })
        })
        .await
    }

    async fn blocking<T, F>(&self, work: F) -> Result<T, AuthError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, AuthError> + Send + 'static,
    {
        let permit: OwnedSemaphorePermit =
            tokio::time::timeout(self.wait, Arc::clone(&self.permits).acquire_owned())
                .await
                .or(Err(AuthError::Busy))?
                .or(Err(AuthError::Busy))?;
        // The permit goes along: a caller that gave up does not free a core.
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| AuthError::Hashing(Box::new(error)))?
    }
}

/// Whether any of our schemes can verify against this stored text.
pub(crate) fn is_known_scheme(hash: &str) -> bool {
    is_bcrypt(hash) || PasswordHash::new(hash).is_ok()
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|prefix| hash.starts_with(prefix))
}

fn hash_argon2(password: &str) -> Result<String, AuthError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| AuthError::Hashing(Box::new(error)))
}

fn verify_argon2(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(1, Duration::from_secs(30)).unwrap()
    }

    async fn verdict(password: &str, stored: &str) -> Verdict {
        passwords()
            .verify(password.into(), Some(stored.to_owned()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_and_verifies_its_password_only() {
        let hash = passwords().hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_eq!(verdict("correct horse", &hash).await, Verdict::Right);
        assert_eq!(verdict("correct horsf", &hash).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn the_three_bcrypt_forms_are_taken_and_marked_as_old() {
        for version in [
            bcrypt::Version::TwoA,
            bcrypt::Version::TwoB,
            bcrypt::Version::TwoY,
        ] {
            let hash = bcrypt::hash_with_result("s3cret pass", 4)
                .unwrap()
                .format_for_version(version);
            assert_eq!(
                verdict("s3cret pass", &hash).await,
                Verdict::RightButOld,
                "{hash}"
            );
            assert_eq!(
                verdict("s3cret pasS", &hash).await,
                Verdict::Wrong,
                "{hash}"
            );
        }
    }

    #[tokio::test]
    async fn bcrypt_ignores_what_follows_72_bytes() {
        let head = "x".repeat(72);
        let hash = bcrypt::hash(format!("{head}tail"), 4).unwrap();
        assert_eq!(
            verdict(&format!("{head}other"), &hash).await,
            Verdict::RightButOld
        );
        assert_eq!(verdict(&"x".repeat(71), &hash).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_nobody_can_read_matches_nothing() {
        for stored in ["", "plaintext", "$2b$", "$argon2id$", "$2b$04$tooshort"] {
            assert_eq!(verdict(stored, stored).await, Verdict::Wrong, "{stored}");
        }
        assert_eq!(
            verdict("a\0b", &bcrypt::hash("a", 4).unwrap()).await,
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn whoever_waits_too_long_for_a_turn_is_told_to_come_back() {
        let passwords = Passwords::new(1, Duration::from_millis(1)).unwrap();
        let held = Arc::clone(&passwords.permits)
            .acquire_owned()
            .await
            .unwrap();
        let refused = passwords.hash("correct horse".into()).await;
        assert!(matches!(refused, Err(AuthError::Busy)), "{refused:?}");
        drop(held);
        passwords.hash("correct horse".into()).await.unwrap();
    }
}
