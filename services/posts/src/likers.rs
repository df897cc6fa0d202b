//! Who likes a post.

use domain::{PostId, Reaction, Timestamp, UserId, visibility::Sight};
use web::{Filling, Paging};

use crate::{PostError, mongo::LikerPosition, people::Person, posts::Posts};

/// Somebody who likes a post.
pub(crate) struct Liker {
    pub(crate) person: Person,
    pub(crate) reaction: Reaction,
    pub(crate) liked_at: Timestamp,
}

/// A part of the list of those who like a post.
pub(crate) struct Likers {
    pub(crate) people: Vec<Liker>,
    /// Where it goes on, if it does.
    pub(crate) next: Option<LikerPosition>,
}

impl Posts {
    /// Those who like a post, who liked it last first, as far as `viewer` may see them.
    pub(crate) async fn likers(
        &self,
        viewer: UserId,
        id: PostId,
        paging: &Paging<LikerPosition>,
    ) -> Result<Likers, PostError> {
        let intents = self.likes.intents.of(viewer, [id]).await;
        self.visible_post(viewer, id).await?;
        let unstored = self.likes.unstored(viewer, intents).await?;
        let mut page = Filling::new(paging);
        let mut after = paging.after().copied();
        loop {
            let stored = &self.likes.stored;
            let chunk = stored.newest_of_post(id, after, page.wanted()).await?;
            let (is_end, last) = (chunk.is_end, chunk.likes.last().map(LikerPosition::of));
            let likes = unstored.apply(chunk, after.as_ref(), LikerPosition::of);
            let people: Vec<UserId> = likes.iter().map(|like| like.user_id).collect();
            let sights = self.people.related(viewer, &people).await?;
            for like in likes {
                if let Some(person) = sights.of(like.user_id, Sight::Listing) {
                    let place = LikerPosition::of(&like);
                    let item = Liker {
                        person: person.clone(),
                        liked_at: like.created_at(),
                        reaction: like.reaction,
                    };
                    page.add(place, item);
                }
            }
            if is_end || page.is_done() {
                let (people, next) = page.finish();
                return Ok(Likers { people, next });
            }
            after = last;
        }
    }
}
