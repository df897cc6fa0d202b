use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Query};
use serde::de::DeserializeOwned;

use crate::{ApiError, Code};

/// The parameters of a request's query. Give `T` texts for fields, which the
/// operation parses, so that each that is wrong can be named; parameters that
/// `T` does not have are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Parameters<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Refuses with `invalid_query` (400).
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self))
    }
}

/// Reads a query that has each parameter once, in UTF-8.
pub(crate) fn read<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let read = Query::<T>::from_query(query).map(Query::into_inner);
    read.map_err(|_malformed| ApiError::of(Code::InvalidQuery))
}
