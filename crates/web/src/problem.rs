use actix_web::http::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

/// One field of a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where, as a path: `settings.privacy`.
    pub field: String,
    /// What is wrong, for a person.
    pub message: String,
}

/// The body of every refusal: an RFC 9457 problem document. `code` is the
/// stable word that clients decide by.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Always `about:blank`: the code says more than a link would.
    pub r#type: &'static str,
    /// The short human title of the kind.
    pub title: &'a str,
    /// The HTTP status again.
    pub status: u16,
    /// The stable word.
    pub code: &'a str,
    /// What happened, for a person.
    pub detail: &'a str,
    /// The path that was asked for.
    pub instance: &'a str,
    /// What to quote to support.
    pub request_id: &'a str,
    /// The fields that are wrong, if it is about fields.
    pub errors: &'a [FieldError],
}

impl Problem<'_> {
    /// Fills a response with this document.
    pub(crate) fn respond(&self, mut response: HttpResponseBuilder) -> HttpResponse {
        // Strings and numbers always serialize.
        let body = serde_json::to_vec(self).unwrap_or_default();
        response
            .insert_header((
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            ))
            .body(body)
    }

    pub(crate) fn status_of(code: u16) -> StatusCode {
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
