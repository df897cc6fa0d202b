use std::{
    panic::Location,
    time::{Duration, Instant},
};

/// Between two looks at the predicate.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `probe` says yes; panics, naming the caller, when it has not
/// within `limit`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use std::time::Duration;
/// let mut looks = 0;
/// testkit::eventually(Duration::from_secs(1), async || { looks += 1; looks == 3 }).await;
/// # });
/// ```
#[track_caller]
pub fn eventually<F>(limit: Duration, mut probe: F) -> impl Future<Output = ()>
where
    F: AsyncFnMut() -> bool,
{
    eventually_some(limit, async move || probe().await.then_some(()))
}

/// Waits until `probe` finds something and returns it; panics, naming the
/// caller, when it has not within `limit`.
#[track_caller]
pub fn eventually_some<F, T>(limit: Duration, mut probe: F) -> impl Future<Output = T>
where
    F: AsyncFnMut() -> Option<T>,
{
    let caller = Location::caller();
    async move {
        let started = Instant::now();
        loop {
            // A probe that hangs must not make the test hang.
            let left = limit.saturating_sub(started.elapsed()).max(PAUSE);
            if let Ok(Some(found)) = tokio::time::timeout(left, probe()).await {
                return found;
            }
            assert!(
                started.elapsed() < limit,
                "still not so after {limit:?}, awaited at {caller}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_as_soon_as_the_predicate_holds() {
        let mut looks = 0;
        let started = Instant::now();
        eventually(Duration::from_mins(1), async || {
            looks += 1;
            looks == 3
        })
        .await;
        assert_eq!(looks, 3);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    #[should_panic(expected = "wait.rs")]
    async fn names_the_caller_when_time_is_up() {
        eventually(Duration::from_millis(50), async || false).await;
    }

    #[tokio::test]
    #[should_panic(expected = "still not so after")]
    async fn a_probe_that_hangs_is_a_failure_too() {
        eventually(Duration::from_millis(50), async || {
            std::future::pending().await
        })
        .await;
    }
}
