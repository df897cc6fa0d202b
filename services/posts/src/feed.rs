//! The home feed: the posts of a viewer and of everybody whom they follow,
//! newest first.
//!
//! A page comes from where it was kept, or is made: from the viewer's timeline
//! and the authors that are merged into it, or from MongoDB, where the
//! timeline does not reach or Redis is not there. Whichever way it came, it
//! has what `domain::visibility` allows and nothing else.

mod candidates;
mod making;

use std::{collections::HashMap, sync::Arc};

use domain::{PostId, UserId, visibility::Sight};
use web::{LIMIT_DEFAULT, Paging, Start, actix_web::web::Bytes};

use crate::{
    PostError,
    feed_pages::{Found, KeptPage, Making},
    likes::LikesSeen,
    lists::Page,
    mongo::Position,
    posts::Posts,
};

/// Writes a page as clients get it.
pub(crate) type Show = fn(Page, &Paging<Position>) -> Result<Vec<u8>, serde_json::Error>;

/// The sight that decides what is in a feed.
const fn sight(is_deleted: bool) -> Sight {
    Sight::Feed { is_deleted }
}

/// A page of a feed, ready to be sent but for what its reader has just asked for.
pub(crate) struct Feed {
    pub(crate) json: Bytes,
    /// The likes of those of its posts that are not as in `json`.
    pub(crate) changed: HashMap<PostId, LikesSeen>,
    /// Whether it was kept.
    pub(crate) is_hit: bool,
}

impl Posts {
    /// A page of the feed of `viewer`. Those with the usual number of posts are
    /// kept for a minute.
    pub(crate) async fn feed(
        &self,
        viewer: UserId,
        paging: &Paging<Position>,
        show: Show,
    ) -> Result<Feed, PostError> {
        let number = usual(paging);
        let found = match number {
            Some(number) => self.feeds.pages.find(viewer, number).await,
            None => None,
        };
        let (page, is_hit, has_intents) = match (number, found) {
            (_, Some(Found::Hit { page, has_intents })) => (Arc::new(page), true, has_intents),
            (
                Some(number),
                Some(Found::Miss {
                    making,
                    has_intents,
                }),
            ) => {
                let made = self.make_once(viewer, number, making, paging, show);
                (made.await?, false, has_intents)
            }
            _ => {
                let (made, _) = self.make(viewer, paging, show, false).await?;
                (Arc::new(made), false, true)
            }
        };
        let cache = if is_hit { "hit" } else { "miss" };
        metrics::counter!("feed_pages_total", "cache" => cache).increment(1);
        Ok(Feed {
            changed: self.changed_likes(viewer, &page, has_intents).await,
            json: page.json.clone(),
            is_hit,
        })
    }

    /// Makes a page and keeps it, once for all who want it on this occasion
    /// (single flight).
    async fn make_once(
        &self,
        viewer: UserId,
        number: usize,
        making: Making,
        paging: &Paging<Position>,
        show: Show,
    ) -> Result<Arc<KeptPage>, PostError> {
        let flight = (viewer, number, making.occasion());
        let flights = &self.feeds.flights;
        let place = match flights.get_value_or_guard_async(&flight).await {
            Ok(page) => return Ok(page),
            Err(place) => place,
        };
        let (page, may_be_kept) = self.make(viewer, paging, show, true).await?;
        let page = Arc::new(page);
        if may_be_kept {
            let pages = &self.feeds.pages;
            if let Err(error) = pages.store(viewer, number, &making, &page).await {
                tracing::debug!(%error, "page of a feed not kept");
            }
        }
        // Who waits has it now; nobody else is to get it from here. It fails
        // only if the place is not there any more.
        let _ = place.insert(Arc::clone(&page));
        flights.remove(&flight);
        Ok(page)
    }

    /// What `viewer` has asked for the posts of a page that is not in it, and
    /// notes that they have seen them.
    async fn changed_likes(
        &self,
        viewer: UserId,
        page: &KeptPage,
        has_intents: bool,
    ) -> HashMap<PostId, LikesSeen> {
        let intents = if has_intents {
            let ids = page.posts.iter().map(|post| post.id);
            self.likes.intents.of(viewer, ids).await
        } else {
            HashMap::new()
        };
        let mut changed = HashMap::new();
        let shown = page.posts.iter().map(|post| (post.id, post.others));
        self.standings.note_all(viewer, shown);
        for post in &page.posts {
            if let Some(intent) = intents.get(&post.id.into())
                && intent.version > post.version
            {
                let wanted = LikesSeen::wanted(post.others, intent.reaction.clone());
                changed.insert(post.id, wanted);
            }
        }
        changed
    }
}

/// The number of the page, if it is one of those that are kept.
fn usual(paging: &Paging<Position>) -> Option<usize> {
    match paging.start {
        Start::Page(number) if paging.limit == LIMIT_DEFAULT => Some(number),
        _ => None,
    }
}
