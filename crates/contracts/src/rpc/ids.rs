use domain::{ErrorKind, Id, InvalidId};
use tonic::Status;

use crate::status;

/// Most ids in one call.
const IDS_MAX: usize = 1_000;

/// An id in a call; another text is `INVALID_ARGUMENT`.
pub fn parse_id<T>(text: &str) -> Result<Id<T>, Status> {
    text.parse()
        .map_err(|error: InvalidId| status(ErrorKind::Invalid, error.to_string()))
}

/// The ids of a call; more than 1,000, or other texts, are `INVALID_ARGUMENT`.
pub fn parse_ids<T>(texts: &[String]) -> Result<Vec<Id<T>>, Status> {
    if texts.len() > IDS_MAX {
        let message = format!("at most {IDS_MAX} ids");
        return Err(status(ErrorKind::Invalid, message));
    }
    texts.iter().map(|text| parse_id(text)).collect()
}

/// The page that a call asks for: after which id, and how many, 1 to 1,000.
/// The first page comes after the empty text.
pub fn parse_page<T>(after_id: &str, limit: u32) -> Result<(Option<Id<T>>, u32), Status> {
    if !(1..=IDS_MAX).contains(&(limit as usize)) {
        let message = format!("limit must be 1 to {IDS_MAX}");
        return Err(status(ErrorKind::Invalid, message));
    }
    let after = match after_id {
        "" => None,
        id => Some(parse_id(id)?),
    };
    Ok((after, limit))
}
