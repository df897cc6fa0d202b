//! Authors with so many followers that their posts are not written to feeds:
//! they are merged in when a feed is read (fan-out on read).

use std::time::Duration;

use bson::oid::ObjectId;
use cache::{Aside, Cache, CacheError, Found, keys};
use domain::{PostId, Timestamp, UserId};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    PostError,
    mongo::{FanoutModes, Position, PostStore},
    people::People,
    stamps::{Stamp, Stamps},
};

/// How long they are kept, and which authors a feed merges. Changes end it at once.
const LIFE: Duration = Duration::from_mins(10);
/// Authors that are looked up in MongoDB at a time.
const AT_ONCE: usize = 8;
/// Bytes of a position as it is kept.
const ENTRY: usize = 20;

/// The posts that are merged into feeds.
#[derive(Clone)]
pub(crate) struct Merging {
    /// Newest posts that are kept of such an author; older ones are in MongoDB.
    pub(crate) recent: usize,
    pub(crate) aside: Aside,
    pub(crate) cache: Cache,
    pub(crate) stamps: Stamps,
    pub(crate) modes: FanoutModes,
    pub(crate) store: PostStore,
    pub(crate) people: People,
}

/// The newest posts of the authors that a feed merges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged {
    /// In no order.
    pub(crate) positions: Vec<Position>,
    /// Posts of this moment and older ones may be missing.
    pub(crate) floor: Option<Timestamp>,
    /// The authors, with the stamps that they had before their posts were read.
    pub(crate) authors: Vec<(UserId, Stamp)>,
}

impl Merging {
    /// What is merged into the feed of `viewer`.
    pub(crate) async fn for_feed_of(&self, viewer: UserId) -> Result<Merged, PostError> {
        let authors = self.authors_of(viewer).await?;
        if authors.is_empty() {
            return Ok(Merged::default());
        }
        metrics::counter!("feed_pulled_merges_total").increment(1);
        let lists = self.recent(&authors).await?;
        let full = lists.iter().filter(|list| list.len() >= self.recent);
        let floors = full.filter_map(|list| list.last().map(|last| last.0));
        Ok(Merged {
            floor: floors.max(),
            positions: lists.into_iter().flatten().collect(),
            authors,
        })
    }

    /// The authors that are merged into the feed of `viewer`, with their stamps.
    /// What is read of their posts afterwards is at least as new as these.
    pub(crate) async fn authors_of(
        &self,
        viewer: UserId,
    ) -> Result<Vec<(UserId, Stamp)>, PostError> {
        let authors = self.authors(viewer).await?;
        if authors.is_empty() {
            return Ok(Vec::new());
        }
        let stamps = self.stamps.of_authors(&authors).await?;
        Ok(authors.into_iter().zip(stamps).collect())
    }

    /// Which authors are merged into the feed of `viewer`.
    async fn authors(&self, viewer: UserId) -> Result<Vec<UserId>, PostError> {
        let key = keys::feed_pulled(viewer);
        let found = self.aside.read(&[key]).await.into_iter().next();
        let lease = match found {
            Some(Found::Hit(kept)) => return Ok(decode_ids(&kept)),
            Some(Found::Miss(lease)) => lease,
            None => None,
        };
        let followees = self.people.followee_ids(viewer).await?;
        let authors = self.modes.merged_of(&followees).await?;
        if let Some(lease) = lease {
            self.aside
                .fill(&[(lease, encode_ids(&authors), LIFE)])
                .await;
        }
        Ok(authors)
    }

    /// The newest posts of each of `authors`, newest first.
    async fn recent(&self, authors: &[(UserId, Stamp)]) -> Result<Vec<Vec<Position>>, PostError> {
        let keys = authors.iter().map(|(it, _)| keys::author_recent(*it));
        let found = self.aside.read(&keys.collect::<Vec<_>>()).await;
        let lists = authors.iter().zip(found).map(|((author, _), found)| {
            let author = *author;
            async move {
                let lease = match found {
                    Found::Hit(kept) => return Ok((decode(&kept), None)),
                    Found::Miss(lease) => lease,
                };
                let recent = self.store.newest(&[author], None, self.recent).await?;
                let kept = lease.map(|lease| (lease, encode(&recent), LIFE));
                Ok::<_, PostError>((recent, kept))
            }
        });
        let lists: Vec<_> = stream::iter(lists).buffered(AT_ONCE).try_collect().await?;
        let (lists, kept): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        let kept: Vec<_> = kept.into_iter().flatten().collect();
        if !kept.is_empty() {
            self.aside.fill(&kept).await;
        }
        Ok(lists)
    }

    /// The posts of `author` are not what they were.
    pub(crate) async fn forget_recent(&self, author: UserId) -> Result<(), CacheError> {
        cache::forget(&self.cache, &[keys::author_recent(author)]).await?;
        self.stamps.void_author(author).await
    }

    /// Which authors the feeds of `users` merge is not what it was. Their
    /// stamps are to be voided after that.
    pub(crate) async fn forget_authors(&self, users: &[UserId]) -> Result<(), CacheError> {
        let keys: Vec<String> = users.iter().map(|user| keys::feed_pulled(*user)).collect();
        cache::forget(&self.cache, &keys).await
    }
}

fn encode_ids(ids: &[UserId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.oid().bytes()).collect()
}

fn decode_ids(bytes: &[u8]) -> Vec<UserId> {
    let (ids, _) = bytes.as_chunks();
    ids.iter()
        .map(|id| ObjectId::from_bytes(*id).into())
        .collect()
}

fn encode(positions: &[Position]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(positions.len() * ENTRY);
    for Position(at, id) in positions {
        bytes.extend(at.as_millis().to_be_bytes());
        bytes.extend(id.oid().bytes());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Vec<Position> {
    let (entries, _) = bytes.as_chunks::<ENTRY>();
    let read = |entry: &[u8; ENTRY]| {
        let (at, id) = entry.split_first_chunk::<8>()?;
        let id = ObjectId::from_bytes(id.try_into().ok()?);
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        Some(Position(at, PostId::from(id)))
    };
    entries.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_as_they_were_kept() {
        let positions: Vec<Position> = [-5, 0, 1_700_000_000_000]
            .map(|at| Position(Timestamp::from_millis(at), PostId::generate()))
            .into();
        assert_eq!(decode(&encode(&positions)), positions);
        assert_eq!(decode(b"too short"), []);
    }
}
