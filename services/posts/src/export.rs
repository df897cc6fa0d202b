//! What an account has made here, for whoever it belongs to.

mod items;

use domain::{Comment, Like, Post, UserId};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    PostError,
    likes::LikedKind,
    mongo::{Belongings, Exports, Since},
};

use items::{CommentItem, LikeItem, PostItem, SavedItem};

/// Items of a page. The largest posts are some 40 KB, so that a page fits into
/// one message of gRPC.
const PAGE: usize = 50;

/// The order in which it is told, and the names that clients find it under.
const SECTIONS: [(&str, Belongings); 5] = [
    ("posts", Belongings::Posts),
    ("comments", Belongings::Comments),
    ("likes", Belongings::Likes(LikedKind::Post)),
    ("likes", Belongings::Likes(LikedKind::Comment)),
    ("saved_posts", Belongings::Saves),
];

/// Reads accounts page by page.
#[derive(Clone)]
pub(crate) struct Export {
    pub(crate) stored: Exports,
}

/// Where the next page of an export begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// By its number in [`SECTIONS`].
    section: usize,
    after: Option<Since>,
}

/// Some items of one section.
pub(crate) struct ExportPage {
    pub(crate) section: &'static str,
    /// Each one JSON object.
    pub(crate) items: Vec<String>,
    /// Where it goes on, if it does.
    pub(crate) next: Option<Place>,
}

impl Export {
    /// Where it begins.
    pub(crate) fn start() -> Place {
        Place::default()
    }

    /// The page of the account `user_id` that begins at `place`. A section may
    /// have a page without items.
    pub(crate) async fn page(
        &self,
        user_id: UserId,
        place: Place,
    ) -> Result<ExportPage, PostError> {
        let Some((section, kind)) = SECTIONS.get(place.section).copied() else {
            return Ok(ExportPage {
                section: "",
                items: Vec::new(),
                next: None,
            });
        };
        let (items, after) = match kind {
            Belongings::Posts => self.read::<Post, PostItem>(user_id, kind, place).await?,
            Belongings::Comments => {
                self.read::<Comment, CommentItem>(user_id, kind, place)
                    .await?
            }
            Belongings::Likes(_) => self.read::<Like, LikeItem>(user_id, kind, place).await?,
            Belongings::Saves => {
                self.read::<SavedItem, SavedItem>(user_id, kind, place)
                    .await?
            }
        };
        let section_then = place.section + usize::from(after.is_none());
        let next = (section_then < SECTIONS.len()).then_some(Place {
            section: section_then,
            after,
        });
        Ok(ExportPage {
            section,
            items,
            next,
        })
    }

    /// Some of what is stored as `D`, as it is told as `I`.
    async fn read<D: DeserializeOwned, I: From<D> + Serialize>(
        &self,
        user_id: UserId,
        kind: Belongings,
        place: Place,
    ) -> Result<(Vec<String>, Option<Since>), PostError> {
        let chunk = self.stored.after::<D>(user_id, kind, place.after, PAGE);
        let chunk = chunk.await?;
        let items = chunk.items.into_iter();
        let items = items.map(|item| serde_json::to_string(&I::from(item)));
        Ok((items.collect::<Result<_, _>>()?, chunk.next))
    }
}
