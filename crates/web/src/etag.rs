use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH},
    },
};
use xxhash_rust::xxh3::xxh3_128;

/// Gives a `200` answer to a `GET` its weak entity tag, and turns it into a
/// `304` when the client has it already.
///
/// The tag is a hash of the body, as Express made it: any change of what the
/// client would see changes it.
pub(crate) fn apply(
    method: &Method,
    request: &HeaderMap,
    response: HttpResponse<BoxBody>,
) -> HttpResponse<BoxBody> {
    let is_readable = method == Method::GET || method == Method::HEAD;
    if !is_readable || response.status() != StatusCode::OK {
        return response;
    }
    if !matches!(response.body().size(), BodySize::Sized(_)) {
        return response;
    }
    let (mut response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        Err(body) => return response.set_body(body),
    };
    let tag = format!("W/\"{:032x}\"", xxh3_128(&body));
    let is_known = request
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| matches(known.trim(), &tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
        return response.set_body(BoxBody::new(()));
    }
    response.set_body(BoxBody::new(body))
}

/// Weak comparison of RFC 9110, section 8.8.3.2.
fn matches(known: &str, tag: &str) -> bool {
    known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/")
}
