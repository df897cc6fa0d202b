use serde_json::{Value, json};
use socketio::ConnectError;

/// Why a socket may not be, or be any longer. The words are those with which the
/// gateway refuses requests, so that a client has one table of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It did not come through the gateway.
    CredentialRequired,
    /// It shows no token.
    MissingToken,
    /// A token that is not ours.
    TokenInvalid,
    /// A token whose time is over.
    TokenExpired,
    /// A token of a login that was ended.
    SessionRevoked,
    /// Nobody can tell, or nothing could be delivered.
    Unavailable,
}

impl Refusal {
    /// The stable word.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::CredentialRequired => "service_credential_required",
            Self::MissingToken => "missing_token",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::SessionRevoked => "session_revoked",
            Self::Unavailable => "upstream_unavailable",
        }
    }

    /// What happened, for a person.
    const fn detail(self) -> &'static str {
        match self {
            Self::CredentialRequired => "sockets are opened through the gateway",
            Self::MissingToken => "this needs an access token in auth.token",
            Self::TokenInvalid => "the access token is not valid",
            Self::TokenExpired => "the access token has expired",
            Self::SessionRevoked => "the login this token belongs to was ended",
            Self::Unavailable => "a service that this needs is down; try again",
        }
    }

    /// As `connect_error` and `session:revoked` carry it.
    pub(crate) fn data(self) -> Value {
        json!({ "code": self.code(), "detail": self.detail() })
    }
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self {
            message: refusal.detail().to_owned(),
            data: Some(refusal.data()),
        }
    }
}
