use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use crate::Verifier;

/// How often the key set is fetched although nothing asked for it.
const REFRESH: Duration = Duration::from_mins(5);
/// Shortest time between two fetches: tokens that name made-up keys must not
/// turn into load on auth.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks whether the first keys are there.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// Keeps `verifier` at the keys that `fetch` returns: at start, every five
/// minutes, and when a token names a key that is not known. Never ends by
/// itself; failures are logged and tried again, and the old keys stay.
pub async fn follow_keys<F, E>(verifier: Arc<Verifier>, fetch: F)
where
    F: AsyncFn() -> Result<String, E>,
    E: std::fmt::Display,
{
    loop {
        match fetch().await {
            Ok(jwks) => match verifier.set_keys(&jwks) {
                Ok(()) => tracing::debug!("token keys fetched"),
                Err(error) => tracing::warn!(%error, "token keys cannot be read"),
            },
            Err(error) => tracing::warn!(%error, "token keys cannot be fetched"),
        }
        sleep(PAUSE).await;
        if verifier.has_keys() {
            // Elapsed or notified, the next step is the same.
            let _ = timeout(REFRESH, verifier.unknown_key_seen.notified()).await;
        }
    }
}

/// Resolves when `verifier` has its first keys: until then it can tell no
/// token from another.
pub async fn first_keys(verifier: &Verifier) {
    while !verifier.has_keys() {
        sleep(FIRST_LOOK).await;
    }
}
