use std::collections::HashMap;

use bson::oid::ObjectId;
use cache::CacheError;
use domain::{Post, PostId, UserId, visibility::Sight};
use serde::{Deserialize, Serialize};
use web::{Filling, Paging, Start};

use crate::{
    PostError,
    decayed::{Score, Scored},
    lists::{Choice, Page},
    mongo::Position,
    people::Person,
    posts::Posts,
};

/// Posts that somebody who looks around may come upon, at most.
const CANDIDATES: usize = 500;
/// The newest posts of all, from which the ranking is built.
const NEWEST: usize = 5_000;

/// Where an explorer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In the order of this name, behind so many posts.
    #[serde(rename = "o")]
    Order(u64, usize),
    /// Among the newest posts, which stand in without Redis.
    #[serde(rename = "n")]
    Newest(Position),
}

/// What is shown to those who look around.
const CHOICE: Choice = Choice {
    sight: |is_deleted| Sight::Discovery { is_deleted },
    has_own: false,
};

/// An order and its name.
type Named = (u64, Vec<PostId>);

impl Posts {
    /// Posts for `viewer` to discover; `None` if the order that they go on with
    /// is kept no longer.
    pub(crate) async fn explore(
        &self,
        viewer: UserId,
        paging: &Paging<Place>,
    ) -> Result<Option<Page<Place>>, PostError> {
        let order = match paging.start {
            Start::After(Place::Order(name, _)) => {
                let kept = self.explore.orders.find(viewer, name).await;
                let kept = kept.inspect_err(without_redis).ok().flatten();
                let Some(posts) = kept else { return Ok(None) };
                Some((name, posts))
            }
            Start::Page(number) => match self.order(viewer, number == 1).await {
                Ok(order) => Some(order).filter(|(_, posts)| !posts.is_empty()),
                Err(PostError::Cache(error)) => {
                    without_redis(&error);
                    None
                }
                Err(error) => return Err(error),
            },
            Start::After(Place::Newest(_)) => None,
        };
        Ok(Some(match order {
            Some(order) => self.part_of(viewer, order, paging).await?,
            None => self.newest(viewer, paging).await?,
        }))
    }

    /// The order that pages by number are of: the latest, unless it `is_to_be_new`.
    async fn order(&self, viewer: UserId, is_to_be_new: bool) -> Result<Named, PostError> {
        let orders = &self.explore.orders;
        if !is_to_be_new
            && let Some(name) = orders.latest(viewer).await?
            && let Some(posts) = orders.find(viewer, name).await?
        {
            return Ok((name, posts));
        }
        let ranking = &self.explore.ranking;
        if ranking.claim().await? {
            let posts = self.newest_discoverable(viewer, NEWEST).await?;
            self.explore.rank(&posts).await?;
            ranking.note_built().await?;
        }
        let posts = ids(ranking.top(Score::LOWEST, 0, CANDIDATES).await?);
        let seen = self.explore.seen.of(viewer, &posts).await?;
        let mut posts: Vec<(bool, PostId)> = seen.into_iter().zip(posts).collect();
        // Stable: otherwise they are by their score.
        posts.sort_by_key(|(is_seen, _)| *is_seen);
        let posts: Vec<PostId> = posts.into_iter().map(|(_, post)| post).collect();
        let name = orders.keep(viewer, &posts).await?;
        Ok((name, posts))
    }

    /// A page of an order. What nobody may discover any more leaves the ranking.
    async fn part_of(
        &self,
        viewer: UserId,
        (name, order): Named,
        paging: &Paging<Place>,
    ) -> Result<Page<Place>, PostError> {
        let mut page = Filling::new(paging);
        let mut offset = match paging.after() {
            Some(Place::Order(_, offset)) => *offset,
            _ => 0,
        };
        while !page.is_done() {
            let rest = order.get(offset..).unwrap_or_default();
            let Some((chunk, _)) = rest.split_at_checked(page.wanted().min(rest.len())) else {
                break;
            };
            if chunk.is_empty() {
                break;
            }
            let posts = self.cached.find_many(chunk).await?;
            let authors: Vec<UserId> = posts.iter().map(|post| post.user_id).collect();
            let sights = self.people.related(viewer, &authors).await?;
            let mut posts: HashMap<PostId, Post> =
                posts.into_iter().map(|post| (post.id, post)).collect();
            let mut outcasts = Vec::new();
            for id in chunk {
                offset += 1;
                let Some(post) = posts.remove(id) else {
                    outcasts.push(*id);
                    continue;
                };
                if !sights.is_discoverable(&post) {
                    outcasts.push(*id);
                } else if let Some(author) = CHOICE.author(&sights, &post) {
                    let seen = (post, author);
                    page.add(Place::Order(name, offset), seen);
                }
            }
            self.explore.forget(&outcasts).await;
        }
        let (seen, next) = page.finish();
        self.note_seen(viewer, &seen).await;
        Ok(Page {
            posts: self.as_seen(viewer, seen).await?,
            next,
        })
    }

    async fn note_seen(&self, viewer: UserId, seen: &[(Post, Person)]) {
        let posts: Vec<PostId> = seen.iter().map(|(post, _)| post.id).collect();
        let noted = self.explore.seen.note(viewer, &posts, self.clock.now());
        if let Err(error) = noted.await {
            tracing::debug!(%error, "posts will be shown as if they had not been seen");
        }
    }

    /// The newest posts that `viewer` may discover.
    async fn newest(
        &self,
        viewer: UserId,
        paging: &Paging<Place>,
    ) -> Result<Page<Place>, PostError> {
        let paging = Paging {
            start: match paging.start {
                Start::After(Place::Newest(after)) => Start::After(after),
                Start::Page(number) => Start::Page(number),
                Start::After(Place::Order(..)) => Start::Page(1),
            },
            limit: paging.limit,
        };
        let read = async |after, count| self.store.newest_of_all(after, count).await;
        let page = self.fill(viewer, CHOICE, &paging, read).await?;
        Ok(Page {
            posts: page.posts,
            next: page.next.map(Place::Newest),
        })
    }
}

fn ids(ranked: Vec<Scored>) -> Vec<PostId> {
    let ids = ranked.into_iter().filter_map(|(member, _)| {
        let id = ObjectId::from_bytes(member.try_into().ok()?);
        Some(id.into())
    });
    ids.collect()
}

fn without_redis(error: &CacheError) {
    tracing::debug!(%error, "exploring without redis");
}
