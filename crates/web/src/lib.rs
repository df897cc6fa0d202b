//! The actix-web kit: one way to serve, to refuse, and to read a request.
//!
//! A service lists its operations in [`Routes`], one line each, and hands them
//! to an [`HttpServer`], which adds what every service needs: the service
//! credential, trace context, a span and a metric per operation, problem
//! documents (RFC 9457) for every refusal, weak entity tags, and the drain.

mod caller;
mod credential;
mod error;
mod etag;
mod json;
mod object;
mod observe;
mod paths;
mod problem;
mod routes;
mod server;

pub use actix_web;
pub use caller::{Authenticator, Caller};
pub use error::{ApiError, Failure};
pub use json::{JSON_LIMIT, ValidJson};
pub use object::Object;
pub use problem::{FieldError, Problem};
pub use routes::{Access, RouteInfo, Routes};
pub use server::HttpServer;
