use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use quick_cache::sync::Cache;

use super::{Hit, Policy};

/// Most clients remembered. Beyond it the coldest are forgotten, and start a
/// new window: a flood of addresses must not become a flood of memory.
const CLIENTS: usize = 65_536;

/// The windows of this process, for while Redis is down. Each gateway then
/// counts for itself, so a client may get the limit once from each.
pub(crate) struct LocalWindows {
    windows: Cache<String, Arc<Mutex<Window>>>,
}

#[derive(Clone, Copy)]
struct Window {
    began: Timestamp,
    count: u64,
}

impl LocalWindows {
    pub(crate) fn new() -> Self {
        Self {
            windows: Cache::new(CLIENTS),
        }
    }

    /// Counts a request at `now` in the window that Redis would have under this key.
    pub(crate) fn hit(&self, policy: &Policy, key: &str, now: Timestamp) -> Hit {
        let fresh = Window {
            began: now,
            count: 0,
        };
        let window = self.windows.get_or_insert_with(key, || {
            Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(fresh)))
        });
        let Ok(window) = window;
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(window.began) >= policy.window {
            *window = fresh;
        }
        window.count += 1;
        Hit {
            count: window.count,
            remaining: policy.window.saturating_sub(now.since(window.began)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::rate_limit::{PolicyName, Scope};

    #[test]
    fn a_window_begins_with_the_first_request_and_ends_after_its_time() {
        let windows = LocalWindows::new();
        let policy = PolicyName::Production.policies().of(Scope::General);
        let start = Timestamp::from_millis(1_700_000_000_123);
        let hit = |after| windows.hit(policy, "192.0.2.1", start.plus(Duration::from_secs(after)));
        assert_eq!(
            hit(0),
            Hit {
                count: 1,
                remaining: Duration::from_mins(15)
            }
        );
        assert_eq!(
            hit(899),
            Hit {
                count: 2,
                remaining: Duration::from_secs(1)
            }
        );
        assert_eq!(
            hit(900),
            Hit {
                count: 1,
                remaining: Duration::from_mins(15)
            }
        );
        assert_eq!(windows.hit(policy, "192.0.2.2", start).count, 1);
    }
}
