use std::{future::Future, ops::Deref, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest, dev::Payload, http::header::CONTENT_TYPE, web::BytesMut,
};
use futures_util::StreamExt;
use garde::Validate;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{ApiError, Code, FieldError, Object};

/// Largest JSON body, in bytes (what Express allows by default).
pub const JSON_LIMIT: usize = 100 * 1024;

/// A JSON body that is complete, of the right shape, and obeys the rules of `T`.
///
/// Anything else is a refusal: `unsupported_media_type` (415) without a JSON
/// content type, `payload_too_large` (413), `malformed_json` (400) for what is
/// not JSON, and `validation_failed` (422), naming the field, for JSON of
/// another shape, unknown fields, and values against the rules.
#[derive(Debug)]
pub struct ValidJson<T>(pub T);

impl<T> Deref for ValidJson<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A [`ValidJson`] for an operation that needs no body: without one it is the
/// default of `T`, whatever the content type says.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T> FromRequest for ValidJson<T>
where
    T: DeserializeOwned + Validate<Context = ()> + 'static,
{
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = has_json_content_type(request);
        let payload = payload.take();
        Box::pin(async move {
            must_be_json(is_json)?;
            let body = read(payload).await?;
            validated(&body).map(Self)
        })
    }
}

impl<T> FromRequest for OptionalJson<T>
where
    T: DeserializeOwned + Validate<Context = ()> + Default + 'static,
{
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = has_json_content_type(request);
        let payload = payload.take();
        Box::pin(async move {
            let body = read(payload).await?;
            if body.is_empty() {
                return Ok(Self(T::default()));
            }
            must_be_json(is_json)?;
            validated(&body).map(Self)
        })
    }
}

fn must_be_json(is_json: bool) -> Result<(), ApiError> {
    if is_json {
        return Ok(());
    }
    Err(ApiError::of(Code::UnsupportedMediaType))
}

fn validated<T>(body: &[u8]) -> Result<T, ApiError>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let value: T = parse(body)?;
    value.validate().map_err(|report| {
        let fields = report.iter().map(|(path, error)| FieldError {
            field: path.to_string(),
            message: error.to_string(),
        });
        ApiError::validation(fields.collect())
    })?;
    Ok(value)
}

fn has_json_content_type(request: &HttpRequest) -> bool {
    let Some(Ok(value)) = request
        .headers()
        .get(CONTENT_TYPE)
        .map(|value| value.to_str())
    else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn read(mut payload: Payload) -> Result<BytesMut, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_disconnected| ApiError::of(Code::IncompleteBody))?;
        if body.len() + chunk.len() > JSON_LIMIT {
            return Err(ApiError::of(Code::PayloadTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let malformed = || ApiError::of(Code::MalformedJson);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let message = if error.inner().is_data() {
            shape_message(error.inner())
        } else if is_no_word(error.inner(), body) {
            "must be one of the words that are possible here".to_owned()
        } else {
            return malformed();
        };
        ApiError::validation(vec![FieldError {
            field: if field == "." { String::new() } else { field },
            message,
        }])
    })?;
    deserializer.end().map_err(|_trailing| malformed())?;
    Ok(value)
}

/// Whether something else is where one of a set of words is wanted, which
/// `serde_json` takes for a fault of the syntax.
fn is_no_word(error: &serde_json::Error, body: &[u8]) -> bool {
    let is_unexpected = shape_message(error) == "expected value";
    is_unexpected && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// serde's words without the position, which `field` tells better.
fn shape_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}
