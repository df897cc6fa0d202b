use super::indexes::{COMMENTS, POSTS};
use crate::likes::LikedKind;

/// Where what is liked lies.
pub(super) const fn collection_of(kind: LikedKind) -> &'static str {
    match kind {
        LikedKind::Post => POSTS,
        LikedKind::Comment => COMMENTS,
    }
}
