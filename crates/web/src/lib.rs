//! The actix-web kit: one way to serve, to refuse, and to read a request.
//!
//! A service lists its operations in [`Routes`], one line each, and hands them
//! to an [`HttpServer`], which adds what every service needs: the service
//! credential, trace context, a span and a metric per operation, problem
//! documents (RFC 9457) for every refusal, weak entity tags, and the drain.

mod caller;
mod code;
mod credential;
mod error;
mod etag;
mod faults;
mod filling;
mod idempotency;
mod json;
mod object;
mod observe;
mod paging;
mod paths;
mod problem;
mod query;
mod routes;
mod search_text;
mod server;

pub use actix_web;
pub use caller::{Authenticator, Caller};
pub use code::{Code, CodeRow};
pub use error::{ApiError, Failure};
pub use faults::Faults;
pub use filling::Filling;
pub use idempotency::{IdempotencyKey, body_hash};
pub use json::{JSON_LIMIT, OptionalJson, ValidJson};
pub use object::{Object, given};
pub use paging::{DEPTH_MAX, LIMIT_DEFAULT, LIMIT_MAX, ListView, Paging, Start};
pub use problem::{FieldError, Problem};
pub use query::Parameters;
pub use routes::{Access, RouteInfo, Routes};
pub use search_text::{SEARCH_TEXT_MAX, SearchText};
pub use server::HttpServer;
