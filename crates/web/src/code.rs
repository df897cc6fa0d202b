use domain::ErrorKind;

/// Every refusal that any service may give because of how it is asked, by its
/// stable word. What a service refuses itself is its [`crate::Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
pub enum Code {
    /// Something that no part of the kit has a better word for.
    BadRequest,
    /// A query that is not one, or that has a parameter twice.
    InvalidQuery,
    /// A cursor that no list has given out.
    InvalidCursor,
    /// A cursor whose list is kept no longer.
    CursorExpired,
    /// A page by its number and by its cursor.
    PageAndCursor,
    /// An `Idempotency-Key` that cannot be one.
    InvalidIdempotencyKey,
    /// A body that is not JSON.
    MalformedJson,
    /// A body that broke off.
    IncompleteBody,
    /// No bearer token.
    MissingToken,
    /// A token that is not ours.
    TokenInvalid,
    /// A token whose time is over.
    TokenExpired,
    /// A caller that is no service of the deployment.
    ServiceCredentialRequired,
    /// No such route.
    NotFound,
    /// A route that does not take the method.
    MethodNotAllowed,
    /// A body over the limit.
    PayloadTooLarge,
    /// A body that does not say it is JSON.
    UnsupportedMediaType,
    /// Fields against their rules.
    ValidationFailed,
    /// A defect of ours.
    Internal,
    /// A server that is needed is down.
    Unavailable,
    /// A server that is needed took too long.
    Timeout,
}

/// A row of the table of codes, of this kit or of a service.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The stable word in `code`.
    pub code: &'static str,
    /// What goes wrong.
    pub kind: ErrorKind,
    /// The HTTP status: that of the kind, or a finer one.
    pub status: u16,
    /// The `detail` of the document: what happened, for a person.
    pub meaning: &'static str,
}

impl CodeRow {
    /// A refusal with the status that its kind stands for.
    #[must_use]
    pub const fn of_kind(kind: ErrorKind, code: &'static str, meaning: &'static str) -> Self {
        Self {
            code,
            kind,
            status: kind.http_status(),
            meaning,
        }
    }

    /// A failure that is not the caller's doing and has no code of its own.
    #[must_use]
    pub const fn failed(kind: ErrorKind) -> Self {
        let meaning = match kind {
            ErrorKind::Unavailable | ErrorKind::Timeout => {
                "a server that this needs is down, try again in a moment"
            }
            _ => "the request could not be handled",
        };
        Self::of_kind(kind, kind.as_str(), meaning)
    }

    /// A request that HTTP has a finer status for.
    const fn of_status(status: u16, code: &'static str, meaning: &'static str) -> Self {
        Self {
            code,
            kind: ErrorKind::Invalid,
            status,
            meaning,
        }
    }
}

impl Code {
    /// The row of the table. Refusals are built from it, and so is the
    /// reference of codes.
    #[must_use]
    #[rustfmt::skip]
    pub const fn row(self) -> CodeRow {
        use ErrorKind::{Internal, Invalid, Timeout, Unauthenticated, Unavailable};
        match self {
            Self::BadRequest => CodeRow::of_status(400, "bad_request", "the request cannot be read"),
            Self::InvalidQuery => CodeRow::of_status(400, "invalid_query", "the query cannot be read"),
            Self::InvalidCursor => CodeRow::of_status(400, "invalid_cursor", "this cursor was not given out by this list"),
            Self::CursorExpired => CodeRow::of_status(400, "cursor_expired", "this list was begun too long ago: begin again"),
            Self::PageAndCursor => CodeRow::of_status(400, "page_and_cursor", "page and cursor cannot be used together"),
            Self::InvalidIdempotencyKey => CodeRow::of_status(400, "invalid_idempotency_key", "an idempotency key is 1 to 255 visible ASCII characters, given once"),
            Self::MalformedJson => CodeRow::of_status(400, "malformed_json", "the body is not JSON"),
            Self::IncompleteBody => CodeRow::of_status(400, "incomplete_body", "the body ended before it was complete"),
            Self::MissingToken => CodeRow::of_kind(Unauthenticated, "missing_token", "a bearer token is required"),
            Self::TokenInvalid => CodeRow::of_kind(Unauthenticated, "token_invalid", "the token is not valid"),
            Self::TokenExpired => CodeRow::of_kind(Unauthenticated, "token_expired", "the token has expired"),
            Self::ServiceCredentialRequired => CodeRow::of_kind(Unauthenticated, "service_credential_required", "this address serves the gateway only"),
            Self::NotFound => CodeRow::of_status(404, "not_found", "there is nothing at this path"),
            Self::MethodNotAllowed => CodeRow::of_status(405, "method_not_allowed", "the path exists, but not for this method"),
            Self::PayloadTooLarge => CodeRow::of_status(413, "payload_too_large", "the body is over the limit"),
            Self::UnsupportedMediaType => CodeRow::of_status(415, "unsupported_media_type", "the body must be application/json"),
            Self::ValidationFailed => CodeRow::of_kind(Invalid, "validation_failed", "the request breaks the rules of its fields"),
            Self::Internal => CodeRow::failed(Internal),
            Self::Unavailable => CodeRow::failed(Unavailable),
            Self::Timeout => CodeRow::failed(Timeout),
        }
    }
}
