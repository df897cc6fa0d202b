use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use domain::ErrorKind;

use crate::{
    Code, CodeRow,
    problem::{FieldError, Problem},
};

/// What a service's error tells the outside. `Display` and `source` of the
/// error are for the log; clients see only this.
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// What clients learn.
    fn row(&self) -> CodeRow;

    /// Decides the status.
    fn kind(&self) -> ErrorKind {
        self.row().kind
    }

    /// The stable word for clients.
    fn code(&self) -> &'static str {
        self.row().code
    }

    /// The fields that are wrong, if it is about fields.
    fn fields(&self) -> Vec<FieldError> {
        Vec::new()
    }

    /// When trying again may help, if that is known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// The only error that reaches actix: a refusal, ready to be shown.
#[derive(Debug)]
pub struct ApiError(pub(crate) Box<Refusal>);

/// Boxed, because every handler returns room for it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) code: &'static str,
    pub(crate) detail: &'static str,
    pub(crate) fields: Vec<FieldError>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// One of the refusals that any service may give.
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self::of_row(code.row())
    }

    fn of_row(row: CodeRow) -> Self {
        let (kind, status) = (row.kind, Problem::status_of(row.status));
        let title = if row.status == kind.http_status() {
            kind.title()
        } else {
            status.canonical_reason().unwrap_or("Error")
        };
        Self::titled(status, title, row.code, row.meaning).with_kind_headers(kind)
    }

    fn titled(
        status: StatusCode,
        title: &'static str,
        code: &'static str,
        detail: &'static str,
    ) -> Self {
        Self(Box::new(Refusal {
            status,
            title,
            code,
            detail,
            fields: Vec::new(),
            headers: Vec::new(),
            source: None,
        }))
    }

    /// A 422 that names the fields.
    #[must_use]
    pub fn validation(fields: Vec<FieldError>) -> Self {
        let mut error = Self::of(Code::ValidationFailed);
        error.0.fields = fields;
        error
    }

    /// The same refusal with one more response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn with_kind_headers(self, kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unavailable | ErrorKind::Timeout => {
                self.header(RETRY_AFTER, HeaderValue::from_static("1"))
            }
            ErrorKind::Unauthenticated => {
                self.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => self,
        }
    }

    /// Writes failures of ours to the log, once, with their cause.
    pub(crate) fn log(&self) {
        let Some(source) = &self.0.source else { return };
        let causes = Causes(source.as_ref());
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(code = self.0.code, error = %causes, "dependency failed");
        } else if self.0.status.is_server_error() {
            tracing::error!(code = self.0.code, error = %causes, "request failed");
        }
    }
}

impl<F: Failure> From<F> for ApiError {
    fn from(failure: F) -> Self {
        let mut error = Self::of_row(failure.row());
        error.0.fields = failure.fields();
        if let Some(wait) = failure.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            error = error.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        error.0.source = Some(Box::new(failure));
        error
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.code)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Only the status and headers: `observe` knows the request and writes the body.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.0.status);
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

/// An error and its causes on one line.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
