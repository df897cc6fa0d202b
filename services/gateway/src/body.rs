//! Bodies on their way through, frame by frame and never as a whole.

mod request;
mod response;

pub(crate) use request::{BodyLimits, BodyProgress, RequestBody};
pub(crate) use response::{Attendant, ResponseBody};

/// What ends a body before its end.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
