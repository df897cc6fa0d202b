use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ApiError, Code, FieldError, query};

/// Items of a page when the client does not say.
pub const LIMIT_DEFAULT: usize = 20;
/// Most items of a page.
pub const LIMIT_MAX: usize = 100;
/// How deep pages may be asked for by number, in items: whoever wants to go on
/// takes the cursor, whose cost does not grow.
pub const DEPTH_MAX: usize = 10_000;

/// Which part of a list is asked for: `?page=&limit=` as the predecessor had
/// it, or `?cursor=&limit=`, which stays in place while items are added.
///
/// `C` is the position of an item in the list's order; to clients it is opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging<C> {
    /// Where to begin.
    pub start: Start<C>,
    /// Most items, 1 to 100.
    pub limit: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start<C> {
    /// At a page by its number, from 1.
    Page(usize),
    /// After the item at this position.
    After(C),
}

impl<C> Paging<C> {
    /// How many items of the list come before a page that was asked for by its number.
    #[must_use]
    pub fn skipped(&self) -> usize {
        match self.start {
            Start::Page(page) => (page - 1) * self.limit,
            Start::After(_) => 0,
        }
    }

    /// The position to begin after, unless the page was asked for by its number.
    #[must_use]
    pub fn after(&self) -> Option<&C> {
        match &self.start {
            Start::Page(_) => None,
            Start::After(position) => Some(position),
        }
    }
}

#[derive(Deserialize)]
struct Parameters {
    page: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

impl<C: DeserializeOwned> FromRequest for Paging<C> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Refuses with `page_and_cursor` (400), `invalid_cursor` (400) or
    /// `validation_failed` (422).
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()))
    }
}

fn parse<C: DeserializeOwned>(text: &str) -> Result<Paging<C>, ApiError> {
    let parameters: Parameters = query::read(text)?;
    let mut faults = Vec::new();
    let limit = number(parameters.limit.as_deref()).unwrap_or(Some(LIMIT_DEFAULT));
    let limit = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
    if limit.is_none() {
        faults.push(fault("limit", format!("must be 1 to {LIMIT_MAX}")));
    }
    let page = number(parameters.page.as_deref()).unwrap_or(Some(1));
    let page = page.filter(|page| *page >= 1);
    if page.is_none() {
        faults.push(fault("page", "must be 1 or more".to_owned()));
    }
    let start = match (parameters.page, parameters.cursor) {
        (Some(_), Some(_)) => {
            return Err(ApiError::of(Code::PageAndCursor));
        }
        (None, Some(cursor)) => {
            let position = decode(&cursor);
            Start::After(position.ok_or_else(|| ApiError::of(Code::InvalidCursor))?)
        }
        (_, None) => Start::Page(page.unwrap_or(1)),
    };
    if let (Some(limit), Start::Page(page)) = (limit, &start)
        && page.saturating_mul(limit) > DEPTH_MAX
    {
        let message = format!("must not go beyond {DEPTH_MAX} items: use the cursor");
        faults.push(fault("page", message));
    }
    match limit {
        Some(limit) if faults.is_empty() => Ok(Paging { start, limit }),
        _ => Err(ApiError::validation(faults)),
    }
}

/// `None` if it is not given, `Some(None)` if it is not a number.
fn number(text: Option<&str>) -> Option<Option<usize>> {
    text.map(|text| text.parse().ok())
}

fn fault(field: &str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message,
    }
}

fn decode<C: DeserializeOwned>(cursor: &str) -> Option<C> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn encode<C: Serialize>(position: &C) -> Option<String> {
    let bytes = serde_json::to_vec(position).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// A part of a list, as clients see it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListView<T> {
    items: Vec<T>,
    /// The number of the page, if it was asked for by its number.
    page: Option<usize>,
    limit: usize,
    has_more: bool,
    next_cursor: Option<String>,
}

impl<T> ListView<T> {
    /// The items, to change what is shown of them.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// The `items` that answer `paging`; `next` is the position to go on after,
    /// if there is more.
    #[must_use]
    pub fn new<C: Serialize>(items: Vec<T>, paging: &Paging<C>, next: Option<&C>) -> Self {
        Self {
            items,
            page: match paging.start {
                Start::Page(page) => Some(page),
                Start::After(_) => None,
            },
            limit: paging.limit,
            has_more: next.is_some(),
            next_cursor: next.and_then(encode),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;

    use super::*;

    fn refused(query: &str) -> (u16, &'static str) {
        let error = parse::<u32>(query).unwrap_err();
        (error.status_code().as_u16(), error.0.code)
    }

    #[test]
    fn pages_are_numbered_from_one_and_bounded() {
        let first = parse::<u32>("").unwrap();
        assert_eq!((first.limit, first.skipped()), (LIMIT_DEFAULT, 0));
        let third = parse::<u32>("page=3&limit=7&other=x").unwrap();
        assert_eq!((third.limit, third.skipped()), (7, 14));
        for query in [
            "page=0",
            "page=-1",
            "page=x",
            "limit=0",
            "limit=101",
            "limit=",
            "page=1001&limit=10",
            "page=18446744073709551615&limit=2",
        ] {
            assert_eq!(refused(query), (422, "validation_failed"), "{query}");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_given_out() {
        let first = parse::<u32>("limit=2").unwrap();
        let page = ListView::new(vec!["a", "b"], &first, Some(&7));
        let cursor = page.next_cursor.unwrap();
        let second = parse::<u32>(&format!("cursor={cursor}&limit=2")).unwrap();
        assert_eq!((second.after(), second.skipped()), (Some(&7), 0));
        assert!(!ListView::new(vec!["c"], &second, None).has_more);
    }

    #[test]
    fn other_cursors_are_refused() {
        for query in ["cursor=", "cursor=xyz", "cursor=Inh5eiI", "cursor=%00"] {
            assert_eq!(refused(query), (400, "invalid_cursor"), "{query}");
        }
        assert_eq!(refused("cursor=Nw&page=1"), (400, "page_and_cursor"));
    }
}
