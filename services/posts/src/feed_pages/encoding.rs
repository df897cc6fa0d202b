//! A page as it is kept: what it depends on, what a hit needs of its posts, and
//! the answer as clients get it.

use bson::oid::ObjectId;
use cache::Epoch;
use domain::{PostId, UserId};
use web::actix_web::web::Bytes;

use super::Making;
use crate::stamps::Stamp;

/// Bytes of an id.
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
        bytes.extend(making.began.to_be_bytes());
        push_length(&mut bytes, self.merged.len());
        for (author, stamp) in &self.merged {
            bytes.extend(author.oid().bytes());
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

    /// A page and when its making began, if it is of this life of Redis and has
    /// this stamp, and was not written by another version of this service.
    pub(super) fn decode(bytes: Vec<u8>, epoch: Epoch, stamp: Stamp) -> Option<(Self, u64)> {
        let bytes = Bytes::from(bytes);
        let mut rest: &[u8] = &bytes;
        if take(&mut rest)? != epoch.to_bytes() || take(&mut rest)? != stamp {
            return None;
        }
        let began = u64::from_be_bytes(take(&mut rest)?);
        let mut merged = Vec::new();
        for _ in 0..take_length(&mut rest)? {
            merged.push((take_id(&mut rest)?.into(), take(&mut rest)?));
        }
        let mut posts = Vec::new();
        for _ in 0..take_length(&mut rest)? {
            posts.push(ShownPost {
                id: take_id(&mut rest)?.into(),
                author: take_id(&mut rest)?.into(),
                others: i64::from_be_bytes(take(&mut rest)?),
                version: i64::from_be_bytes(take(&mut rest)?),
            });
        }
        let page = Self {
            merged,
            posts,
            json: bytes.slice_ref(rest),
        };
        Some((page, began))
    }
}

fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn take_length(rest: &mut &[u8]) -> Option<u16> {
    take(rest).map(u16::from_be_bytes)
}

fn take_id(rest: &mut &[u8]) -> Option<ObjectId> {
    take::<ID>(rest).map(ObjectId::from_bytes)
}
