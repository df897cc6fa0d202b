//! A page as it is kept: what `find.lua` needs to judge it, what a hit needs
//! of its posts, and the answer as clients get it.

use domain::{PostId, UserId};
use web::actix_web::web::Bytes;

use super::Making;
use crate::stamps::Stamp;

/// Where the lists begin.
const LISTS: usize = 32;
/// Digits of the length of a list.
const LENGTH: usize = 4;
/// Bytes of an id in hex, and of one as it is.
const HEX: usize = 24;
const ID: usize = 12;

/// A page that was made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptPage {
    /// The authors whose posts were merged into it, and their stamps.
    pub(crate) merged: Vec<(UserId, Stamp)>,
    pub(crate) posts: Vec<ShownPost>,
    /// The answer, JSON, without what its reader has asked for since.
    pub(crate) json: Bytes,
}

/// A post of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownPost {
    pub(crate) id: PostId,
    pub(crate) author: UserId,
    /// How many others like it.
    pub(crate) others: i64,
    /// Of the last act of the reader that is in the answer.
    pub(crate) version: i64,
}

impl KeptPage {
    pub(super) fn encode(&self, making: &Making) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.json.len() + 2048);
        bytes.extend(making.epoch.to_bytes());
        bytes.extend(making.stamp);
        bytes.extend(format!("{:016}", making.began).into_bytes());
        push_length(&mut bytes, self.merged.len());
        for (author, stamp) in &self.merged {
            bytes.extend(author.to_string().into_bytes());
            bytes.extend(stamp);
        }
        push_length(&mut bytes, self.posts.len());
        for post in &self.posts {
            bytes.extend(post.id.oid().bytes());
            bytes.extend(post.author.oid().bytes());
            bytes.extend(post.others.to_be_bytes());
            bytes.extend(post.version.to_be_bytes());
        }
        bytes.extend(&self.json);
        bytes
    }

    /// `None` if it was written by another version of this service.
    pub(super) fn decode(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Bytes::from(bytes);
        let mut rest = bytes.get(LISTS..)?;
        let mut merged = Vec::new();
        for _ in 0..take_length(&mut rest)? {
            let author = std::str::from_utf8(take(&mut rest, HEX)?).ok()?;
            let stamp = take(&mut rest, size_of::<Stamp>())?;
            merged.push((author.parse().ok()?, stamp.try_into().ok()?));
        }
        let mut posts = Vec::new();
        for _ in 0..take_length(&mut rest)? {
            posts.push(ShownPost {
                id: take_id(&mut rest)?.into(),
                author: take_id(&mut rest)?.into(),
                others: take_number(&mut rest)?,
                version: take_number(&mut rest)?,
            });
        }
        let json = bytes.slice_ref(rest);
        Some(Self {
            merged,
            posts,
            json,
        })
    }
}

fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(format!("{length:04}").into_bytes());
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    std::str::from_utf8(take(rest, LENGTH)?).ok()?.parse().ok()
}

fn take_id(rest: &mut &[u8]) -> Option<bson::oid::ObjectId> {
    let id: [u8; ID] = take(rest, ID)?.try_into().ok()?;
    Some(bson::oid::ObjectId::from_bytes(id))
}

fn take_number(rest: &mut &[u8]) -> Option<i64> {
    let number = take(rest, size_of::<i64>())?.try_into().ok()?;
    Some(i64::from_be_bytes(number))
}
