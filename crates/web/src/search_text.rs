use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::Deserialize;

use crate::{ApiError, FieldError, query};

/// Longest text to search for, in characters.
pub const SEARCH_TEXT_MAX: usize = 64;

/// What a list is searched for: `?q=`, 1 to 64 characters without the blanks
/// around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText(pub String);

#[derive(Deserialize)]
struct Parameter {
    q: Option<String>,
}

impl FromRequest for SearchText {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Refuses with `invalid_query` (400) or `validation_failed` (422).
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()))
    }
}

fn parse(text: &str) -> Result<SearchText, ApiError> {
    let Parameter { q } = query::read(text)?;
    let q = q.unwrap_or_default();
    let q = q.trim();
    if (1..=SEARCH_TEXT_MAX).contains(&q.chars().count()) {
        return Ok(SearchText(q.to_owned()));
    }
    Err(ApiError::validation(vec![FieldError {
        field: "q".to_owned(),
        message: format!("must be 1 to {SEARCH_TEXT_MAX} characters long"),
    }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trimmed_and_bounded() {
        let long = "%C3%A4".repeat(SEARCH_TEXT_MAX);
        assert_eq!(parse("q=+ana+b%20&page=1").unwrap().0, "ana b");
        assert!(parse(&format!("q={long}")).is_ok());
        for query in ["", "q=", "q=%20", &format!("q={long}a")] {
            assert_eq!(parse(query).unwrap_err().0.code, "validation_failed");
        }
        assert_eq!(parse("q=a&q=b").unwrap_err().0.code, "invalid_query");
    }
}
