//! How a page of a feed is made.

use std::collections::HashMap;

use domain::{Post, PostId, UserId};
use web::Paging;

use super::{
    Show,
    candidates::{Candidates, End},
    sight,
};
use crate::{
    PostError,
    feed_pages::{KeptPage, ShownPost},
    likes::StoredLikes,
    lists::Page,
    mongo::Position,
    people::Person,
    posts::{Posts, SeenPost},
    stamps::Stamp,
};

/// How deep pages by number are read from timelines, in posts: what comes
/// before them has to be looked at, too.
const DEPTH: usize = 200;
/// Posts that are looked at beyond those that are wanted, at first.
const SPARE: usize = 16;

/// A page before it is shown.
struct Sketch {
    posts: Vec<(Post, Person)>,
    /// Where the feed goes on, if it does.
    next: Option<Position>,
    /// The authors whose posts are merged into the feed: it depends on their
    /// stamps. `None`: they are not known, and the page must not be kept.
    merged: Option<Vec<(UserId, Stamp)>>,
    /// Whether MongoDB had to say what is in it.
    is_of_store: bool,
}

impl Posts {
    /// A page of the feed of `viewer` as it is now, and whether it may be kept,
    /// which it `is_to_be`.
    pub(super) async fn make(
        &self,
        viewer: UserId,
        paging: &Paging<Position>,
        show: Show,
        is_to_be: bool,
    ) -> Result<(KeptPage, bool), PostError> {
        let sketch = match self.sketch_of_timeline(viewer, paging).await {
            Ok(Some(sketch)) => sketch,
            Ok(None) => self.sketch_of_store(viewer, paging, is_to_be).await?,
            Err(PostError::Cache(error)) => {
                tracing::debug!(%error, "a feed without its timeline");
                self.sketch_of_store(viewer, paging, is_to_be).await?
            }
            Err(error) => return Err(error),
        };
        let source = if sketch.is_of_store {
            "store"
        } else {
            "timeline"
        };
        metrics::counter!("feed_sketches_total", "source" => source).increment(1);
        let (posts, authors): (Vec<Post>, Vec<Person>) = sketch.posts.into_iter().unzip();
        let ids: Vec<PostId> = posts.iter().map(|post| post.id).collect();
        let intents = self.likes.intents.of(viewer, ids.iter().copied()).await;
        let (mut likes, saved) = tokio::try_join!(
            self.likes.stored(viewer, &intents, &posts),
            self.saves.own(viewer, &ids)
        )?;
        let mut shown = Vec::with_capacity(posts.len());
        let mut seen = Vec::with_capacity(posts.len());
        for (post, author) in posts.into_iter().zip(authors) {
            let StoredLikes { likes, version } = likes.remove(&post.id.into()).unwrap_or_default();
            shown.push(ShownPost {
                id: post.id,
                author: post.user_id,
                others: likes.others(),
                version,
            });
            seen.push(SeenPost {
                is_saved: saved.contains(&post.id),
                post,
                author,
                likes,
            });
        }
        let page = Page {
            posts: seen,
            next: sketch.next,
        };
        let may_be_kept = sketch.merged.is_some();
        let page = KeptPage {
            merged: sketch.merged.unwrap_or_default(),
            posts: shown,
            json: show(page, paging)?.into(),
        };
        Ok((page, may_be_kept))
    }

    /// A page by the timeline of `viewer`, which is built if it is not there;
    /// `None` if it does not reach.
    async fn sketch_of_timeline(
        &self,
        viewer: UserId,
        paging: &Paging<Position>,
    ) -> Result<Option<Sketch>, PostError> {
        let wanted = paging.skipped() + paging.limit + 1;
        if wanted > DEPTH {
            return Ok(None);
        }
        let after = paging.after().copied();
        for count in [wanted + SPARE, self.feeds.timelines.all()] {
            let mut candidates = self.feeds.candidates(viewer, after, count).await?;
            if candidates.is_none() && self.build_timeline(viewer).await? {
                candidates = self.feeds.candidates(viewer, after, count).await?;
            }
            let Some(candidates) = candidates else {
                return Ok(None);
            };
            let Candidates {
                positions,
                end,
                merged,
            } = candidates;
            let visible = self.visible_of(viewer, &positions, wanted).await?;
            if visible.len() >= wanted || end == End::Feed {
                return Ok(Some(Sketch::of(visible, paging, merged)));
            }
            if end == End::Timeline {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Those of `positions` that `viewer` sees in the feed, in their order, the
    /// first `wanted` of them at least if there are so many.
    async fn visible_of(
        &self,
        viewer: UserId,
        positions: &[Position],
        wanted: usize,
    ) -> Result<Vec<(Position, Post, Person)>, PostError> {
        let mut visible = Vec::with_capacity(wanted);
        let mut rest = positions;
        loop {
            let missing = wanted.saturating_sub(visible.len()).max(1);
            let (chunk, left) = rest.split_at(missing.min(rest.len()));
            rest = left;
            let ids: Vec<PostId> = chunk.iter().map(|it| it.1).collect();
            let posts = self.cached.find_many(&ids).await?;
            let mut authors: Vec<UserId> = posts.iter().map(|post| post.user_id).collect();
            authors.sort_unstable();
            authors.dedup();
            // Also when there is nothing to see: the viewer may not be active any more.
            let sights = self.people.related(viewer, &authors).await?;
            let mut posts: HashMap<PostId, Post> =
                posts.into_iter().map(|post| (post.id, post)).collect();
            visible.extend(chunk.iter().filter_map(|position| {
                let post = posts.remove(&position.1)?;
                let person = sights.of(post.user_id, sight(post.deleted_at.is_some()))?;
                Some((*position, post, person.clone()))
            }));
            if visible.len() >= wanted || rest.is_empty() {
                return Ok(visible);
            }
        }
    }

    /// Builds the timeline of `viewer`; false if it was dropped meanwhile, or
    /// somebody else builds it.
    async fn build_timeline(&self, viewer: UserId) -> Result<bool, PostError> {
        let Some(building) = self.feeds.timelines.begin(viewer).await? else {
            return Ok(false);
        };
        let mut authors = self.people.followee_ids(viewer).await?;
        let merged = self.feeds.modes.merged_of(&authors).await?;
        authors.retain(|author| !merged.contains(author));
        authors.push(viewer);
        // The newest; it grows from there.
        let portion = self.feeds.timelines.portion();
        let posts = self.store.newest(&authors, None, portion).await?;
        let oldest = posts.last().map(|last| last.0);
        let floor = oldest.filter(|_| posts.len() >= portion);
        let is_built = self
            .feeds
            .timelines
            .finish(&building, &posts, floor)
            .await?;
        metrics::counter!("feed_timelines_rebuilt_total").increment(1);
        Ok(is_built)
    }

    /// A page by MongoDB alone.
    async fn sketch_of_store(
        &self,
        viewer: UserId,
        paging: &Paging<Position>,
        is_to_be_kept: bool,
    ) -> Result<Sketch, PostError> {
        // Before anything is read: nobody tells the feeds what these authors post.
        let merged = if is_to_be_kept {
            match self.feeds.merging.authors_of(viewer).await {
                Ok(merged) => Some(merged),
                Err(PostError::Cache(_)) => None,
                Err(error) => return Err(error),
            }
        } else {
            None
        };
        let sights = self.people.followees(viewer).await?;
        let authors = sights.everybody(sight(false));
        let (posts, next) = self.newest_of(&sights, &authors, sight, paging).await?;
        Ok(Sketch {
            posts,
            next,
            merged,
            is_of_store: true,
        })
    }
}

impl Sketch {
    fn of(
        visible: Vec<(Position, Post, Person)>,
        paging: &Paging<Position>,
        merged: Vec<(UserId, Stamp)>,
    ) -> Self {
        let has_more = visible.len() > paging.skipped() + paging.limit;
        let page = visible
            .into_iter()
            .skip(paging.skipped())
            .take(paging.limit);
        let (mut next, mut posts) = (None, Vec::with_capacity(paging.limit));
        for (position, post, person) in page {
            next = Some(position);
            posts.push((post, person));
        }
        Self {
            posts,
            next: next.filter(|_| has_more),
            merged: Some(merged),
            is_of_store: false,
        }
    }
}
