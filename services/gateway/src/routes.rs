//! The routing table: which service answers which paths, and which operations
//! need no token.

use http::Method;

/// A service behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Auth,
    Posts,
    Realtime,
}

impl Service {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Auth, Self::Posts, Self::Realtime];

    /// The name in logs and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Posts => "posts",
            Self::Realtime => "realtime",
        }
    }
}

/// All paths at and under a prefix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// In lowercase, without a slash at the end.
    pub(crate) prefix: &'static str,
    pub(crate) service: Service,
    /// What under the prefix is open to everybody.
    open: &'static [(Method, &'static str)],
    /// What under the prefix has the stricter rate limit.
    guarded: &'static [(Method, &'static str)],
}

/// What one does without being logged in.
const OPEN_ACCOUNT: &[(Method, &str)] = &[
    (Method::POST, "/register"),
    (Method::POST, "/login"),
    (Method::POST, "/password/forgot"),
    (Method::POST, "/password/reset"),
    (Method::POST, "/email/verify"),
];

/// What can be used to guess a secret, or to make us send mail.
const GUARDED_ACCOUNT: &[(Method, &str)] = &[
    (Method::POST, "/login"),
    (Method::POST, "/password"),
    (Method::POST, "/password/forgot"),
    (Method::POST, "/password/reset"),
    (Method::POST, "/email/verify"),
    (Method::POST, "/email/resend"),
    (Method::DELETE, "/me"),
];

/// A handshake and a poll, and what a session sends. The token comes inside of it.
const OPEN_SESSION: &[(Method, &str)] = &[(Method::GET, ""), (Method::POST, "")];

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    Route { prefix: "/api/auth",              service: Service::Auth,     open: OPEN_ACCOUNT, guarded: GUARDED_ACCOUNT },
    Route { prefix: "/api/users",             service: Service::Auth,     open: &[], guarded: &[] },
    Route { prefix: "/api/reports",           service: Service::Auth,     open: &[], guarded: &[] },
    Route { prefix: "/api/admin",             service: Service::Auth,     open: &[], guarded: &[] },
    Route { prefix: "/api/posts",             service: Service::Posts,    open: &[], guarded: &[] },
    Route { prefix: "/api/comments",          service: Service::Posts,    open: &[], guarded: &[] },
    Route { prefix: "/.well-known/jwks.json", service: Service::Auth,     open: &[(Method::GET, ""), (Method::HEAD, "")], guarded: &[] },
    Route { prefix: "/socket.io",             service: Service::Realtime, open: OPEN_SESSION, guarded: &[] },
];

/// The route of a normalised path. Case does not matter, as in Express.
pub(crate) fn find(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.rest(path).is_some())
}

impl Route {
    /// Whether this operation is refused without a valid token.
    pub(crate) fn needs_token(&self, method: &Method, path: &str) -> bool {
        !self.is_listed(self.open, method, path)
    }

    /// Whether this operation has the stricter rate limit.
    pub(crate) fn is_guarded(&self, method: &Method, path: &str) -> bool {
        self.is_listed(self.guarded, method, path)
    }

    /// Whether Engine.IO sessions live here: a request of one goes to the replica that has
    /// it, upgrades to WebSocket are tunnelled, and both are limited apart from the API.
    pub(crate) fn has_sessions(&self) -> bool {
        self.service == Service::Realtime
    }

    fn is_listed(&self, list: &[(Method, &str)], method: &Method, path: &str) -> bool {
        let rest = self.rest(path).unwrap_or_default();
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        list.iter().any(|(listed_method, listed)| {
            listed_method == method && listed.eq_ignore_ascii_case(rest)
        })
    }

    /// What follows the prefix, if `path` is at or under it.
    fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (start, rest) = path.split_at_checked(self.prefix.len())?;
        let is_under = rest.is_empty() || rest.starts_with('/');
        (is_under && start.eq_ignore_ascii_case(self.prefix)).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(path: &str) -> Option<&'static str> {
        find(path).map(|route| route.prefix)
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        assert_eq!(prefix("/api/users"), Some("/api/users"));
        assert_eq!(prefix("/api/users/me"), Some("/api/users"));
        assert_eq!(prefix("/API/Users/Me"), Some("/api/users"));
        assert_eq!(prefix("/api/posts/feed"), Some("/api/posts"));
        assert_eq!(prefix("/socket.io/"), Some("/socket.io"));
        for unknown in [
            "/",
            "/api",
            "/api/postsx",
            "/api/usersx",
            "/api/user",
            "/metrics",
            "/readyz",
        ] {
            assert_eq!(prefix(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn only_the_listed_operations_are_open() {
        let open = |method: Method, path| !find(path).unwrap().needs_token(&method, path);
        assert!(open(Method::POST, "/api/auth/login"));
        assert!(open(Method::POST, "/api/Auth/LOGIN/"));
        assert!(open(Method::POST, "/api/auth/register"));
        assert!(open(Method::POST, "/api/auth/password/forgot"));
        assert!(!open(Method::POST, "/api/auth/password"));
        assert!(open(Method::GET, "/.well-known/jwks.json"));
        assert!(open(Method::HEAD, "/.well-known/jwks.json"));
        assert!(!open(Method::GET, "/api/auth/login"));
        assert!(!open(Method::POST, "/api/auth/login/x"));
        assert!(!open(Method::POST, "/api/auth"));
        assert!(!open(Method::GET, "/api/auth/me"));
        assert!(!open(Method::GET, "/api/users/1"));
        assert!(!open(Method::GET, "/api/posts/feed"));
        assert!(!open(Method::POST, "/.well-known/jwks.json"));
        assert!(open(Method::GET, "/socket.io/"));
        assert!(open(Method::POST, "/socket.io"));
        assert!(!open(Method::DELETE, "/socket.io/"));
        assert!(!open(Method::GET, "/socket.io/admin"));
    }
}
