use std::fmt;

/// Every failure of the product is one of these nine kinds.
///
/// The kind decides the HTTP status, the gRPC code, and what a consumer of a
/// queue does with the job. This is the only table of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request breaks a rule of shape or value; repeating it cannot help.
    Invalid,
    /// There is no valid credential.
    Unauthenticated,
    /// The caller is known and not allowed.
    Forbidden,
    /// Unknown, or private to somebody else.
    NotFound,
    /// The request collides with what is stored.
    Conflict,
    /// The caller exceeded a limit.
    RateLimited,
    /// A deadline passed; whether the work was done is not known.
    Timeout,
    /// A dependency is down; trying again later helps.
    Unavailable,
    /// A defect of ours.
    Internal,
}

/// What a queue consumer does with a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Deliver it again after a pause; the job is not to blame.
    Retry,
    /// The job can never succeed: move it to the dead-letter queue.
    Reject,
}

struct Row {
    name: &'static str,
    title: &'static str,
    http_status: u16,
    grpc_code: i32,
    disposition: Disposition,
}

impl ErrorKind {
    /// All kinds, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
    ];

    const fn row(self) -> Row {
        use Disposition::{Reject, Retry};
        let (name, title, http_status, grpc_code, disposition) = match self {
            Self::Invalid => ("invalid", "Unprocessable content", 422, 3, Reject),
            Self::Unauthenticated => ("unauthenticated", "Unauthorized", 401, 16, Reject),
            Self::Forbidden => ("forbidden", "Forbidden", 403, 7, Reject),
            Self::NotFound => ("not_found", "Not found", 404, 5, Reject),
            Self::Conflict => ("conflict", "Conflict", 409, 6, Reject),
            Self::RateLimited => ("rate_limited", "Too many requests", 429, 8, Retry),
            Self::Timeout => ("timeout", "Gateway timeout", 504, 4, Retry),
            Self::Unavailable => ("unavailable", "Service unavailable", 503, 14, Retry),
            Self::Internal => ("internal", "Internal server error", 500, 13, Reject),
        };
        Row {
            name,
            title,
            http_status,
            grpc_code,
            disposition,
        }
    }

    /// The word for logs, metrics, and errors that need no finer code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The short human title of a problem document.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.row().http_status
    }

    /// The gRPC status code, by number, as `google.rpc.Code` has it.
    #[must_use]
    pub const fn grpc_code(self) -> i32 {
        self.row().grpc_code
    }

    /// What a consumer does with a job that failed so.
    #[must_use]
    pub const fn disposition(self) -> Disposition {
        self.row().disposition
    }

    /// The kind a gRPC status code stands for; codes that no row names are
    /// `Internal`, except `FAILED_PRECONDITION` and `OUT_OF_RANGE` (invalid),
    /// `ABORTED` (conflict) and `CANCELLED` (timeout).
    #[must_use]
    pub fn from_grpc_code(code: i32) -> Self {
        match code {
            1 => Self::Timeout,
            9 | 11 => Self::Invalid,
            10 => Self::Conflict,
            _ => Self::ALL
                .into_iter()
                .find(|kind| kind.grpc_code() == code)
                .unwrap_or(Self::Internal),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_a_grpc_hop() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_grpc_code(kind.grpc_code()), kind);
        }
    }

    #[test]
    fn only_outages_limits_and_deadlines_are_retried() {
        let retried: Vec<_> = ErrorKind::ALL
            .into_iter()
            .filter(|kind| kind.disposition() == Disposition::Retry)
            .collect();
        assert_eq!(
            retried,
            [
                ErrorKind::RateLimited,
                ErrorKind::Timeout,
                ErrorKind::Unavailable
            ]
        );
    }
}
