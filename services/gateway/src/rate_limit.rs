//! How many requests a client may make: named policies, fixed windows that
//! begin with the first request, and the headers that tell clients about them.

mod local;

use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use domain::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};

pub(crate) use local::LocalWindows;

// Names that are constants need not be taken apart again for each request.
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The name of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// 100 requests in 15 minutes; what guesses secrets 30. Sockets: 300 handshakes and 3,000 polls in a minute.
    Production,
    /// 100,000 requests in a minute, for local runs and demos.
    Local,
}

/// A limit on the requests of one client.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Part of the Redis key, so that a change of policy starts new windows.
    pub(crate) name: &'static str,
    /// What clients see.
    label: &'static str,
    /// The same in the words of `RateLimit-Policy`.
    description: &'static str,
    limit: u32,
    pub(crate) window: Duration,
}

impl Policy {
    /// From what Redis says: the count, and the time left in milliseconds.
    pub(crate) fn hit(&self, count: u64, remaining_millis: i64) -> Hit {
        let remaining = u64::try_from(remaining_millis).map_or(self.window, Duration::from_millis);
        Hit { count, remaining }
    }
}

/// Which of the limits a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Whatever is none of the others.
    General,
    /// Operations whose only use in bulk is to guess.
    Guarded,
    /// The beginning of an Engine.IO session, over either transport.
    Handshakes,
    /// What goes on within one over HTTP: polls, posts, the upgrade.
    Polling,
}

/// The limits of a deployment, each a window of its own.
#[derive(Debug)]
pub(crate) struct Policies {
    general: Policy,
    guarded: Policy,
    handshakes: Policy,
    polling: Policy,
}

impl Policies {
    /// The limit on what is in `scope`.
    pub(crate) const fn of(&self, scope: Scope) -> &Policy {
        match scope {
            Scope::General => &self.general,
            Scope::Guarded => &self.guarded,
            Scope::Handshakes => &self.handshakes,
            Scope::Polling => &self.polling,
        }
    }
}

const PRODUCTION: Policies = Policies {
    general: Policy {
        name: "production",
        label: "100-in-15min",
        description: r#""100-in-15min"; q=100; w=900"#,
        limit: 100,
        window: Duration::from_mins(15),
    },
    guarded: Policy {
        name: "production-guarded",
        label: "30-in-15min",
        description: r#""30-in-15min"; q=30; w=900"#,
        limit: 30,
        window: Duration::from_mins(15),
    },
    // All the sockets behind one address (MAX_TUNNELS_PER_CLIENT) may come back at once.
    handshakes: Policy {
        name: "production-handshakes",
        label: "300-in-1min",
        description: r#""300-in-1min"; q=300; w=60"#,
        limit: 300,
        window: Duration::from_mins(1),
    },
    // A client that begins with polling has made five such requests when it has upgraded.
    polling: Policy {
        name: "production-polling",
        label: "3000-in-1min",
        description: r#""3000-in-1min"; q=3000; w=60"#,
        limit: 3_000,
        window: Duration::from_mins(1),
    },
};

const LOCAL: Policies = Policies {
    general: local("local"),
    guarded: local("local-guarded"),
    handshakes: local("local-handshakes"),
    polling: local("local-polling"),
};

const fn local(name: &'static str) -> Policy {
    Policy {
        name,
        label: "100000-in-1min",
        description: r#""100000-in-1min"; q=100000; w=60"#,
        limit: 100_000,
        window: Duration::from_mins(1),
    }
}

impl PolicyName {
    pub(crate) const fn policies(self) -> &'static Policies {
        match self {
            Self::Production => &PRODUCTION,
            Self::Local => &LOCAL,
        }
    }
}

/// A request counted in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The requests of the window so far, with this one.
    pub(crate) count: u64,
    /// Until the window ends.
    pub(crate) remaining: Duration,
}

/// What a client has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    policy: &'static Policy,
    hit: Hit,
}

impl Quota {
    pub(crate) fn new(policy: &'static Policy, hit: Hit) -> Self {
        Self { policy, hit }
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.hit.count > u64::from(self.policy.limit)
    }

    /// Writes both families of headers: those of express-rate-limit, and those
    /// of draft-ietf-httpapi-ratelimit-headers-08.
    pub(crate) fn write(&self, now: Timestamp, headers: &mut HeaderMap) {
        let policy = self.policy;
        let remaining = u64::from(policy.limit).saturating_sub(self.hit.count);
        let reset_in = whole_seconds(self.hit.remaining);
        let reset_at = now
            .plus(self.hit.remaining + Duration::from_millis(999))
            .as_secs();
        headers.insert(LIMIT, HeaderValue::from(policy.limit));
        headers.insert(REMAINING, HeaderValue::from(remaining));
        headers.insert(RESET, HeaderValue::from(reset_at));
        let description = HeaderValue::from_static(policy.description);
        headers.insert(RATE_LIMIT_POLICY, description);
        let state = format!("\"{}\"; r={remaining}; t={reset_in}", policy.label);
        if let Ok(state) = HeaderValue::from_maybe_shared(Bytes::from(state)) {
            headers.insert(RATE_LIMIT, state);
        }
        if self.is_exceeded() {
            headers.insert(RETRY_AFTER, HeaderValue::from(reset_in.max(1)));
        }
    }
}

/// Rounded up: a client that comes back at the second it was told must find
/// the window over.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(count: u64, remaining: Duration) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let now = Timestamp::from_millis(1_700_000_000_500);
        Quota::new(&PRODUCTION.general, Hit { count, remaining }).write(now, &mut headers);
        headers
    }

    #[test]
    fn both_header_families_say_the_same() {
        let headers = headers(1, Duration::from_mins(15));
        for (name, value) in [
            ("x-ratelimit-limit", "100"),
            ("x-ratelimit-remaining", "99"),
            ("x-ratelimit-reset", "1700000901"),
            ("ratelimit-policy", "\"100-in-15min\"; q=100; w=900"),
            ("ratelimit", "\"100-in-15min\"; r=99; t=900"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        assert!(!headers.contains_key("retry-after"));
    }

    #[test]
    fn policies_describe_themselves_as_they_are() {
        for policies in [&PRODUCTION, &LOCAL] {
            for scope in [
                Scope::General,
                Scope::Guarded,
                Scope::Handshakes,
                Scope::Polling,
            ] {
                let policy = policies.of(scope);
                let Policy { label, limit, .. } = policy;
                let seconds = policy.window.as_secs();
                let description = format!("\"{label}\"; q={limit}; w={seconds}");
                assert_eq!(policy.description, description);
            }
        }
    }

    #[test]
    fn the_hundredth_request_is_the_last_one() {
        assert!(!headers(100, Duration::from_secs(5)).contains_key("retry-after"));
        let over = headers(101, Duration::from_millis(4_001));
        assert_eq!(over["retry-after"], "5");
        assert_eq!(over["x-ratelimit-remaining"], "0");
        assert_eq!(headers(101, Duration::ZERO)["retry-after"], "1");
    }
}
