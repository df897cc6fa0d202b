//! What is said about a post, and what is replied to it.

use domain::{Comment, CommentId, PostId, UserId, visibility::Sight};
use web::{Filling, Paging};

use crate::{
    PostError,
    comments::SeenComment,
    mongo::{CommentList, CommentPosition},
    people::Person,
    posts::Posts,
};

/// Comments that are looked at for one page beyond those that come before its
/// end. Who is hidden from somebody, and says more than this, makes them ask again.
const SPARE: usize = 2_000;

/// A part of a list of comments.
pub(crate) struct CommentPage {
    pub(crate) comments: Vec<SeenComment>,
    /// Where it goes on, if it does.
    pub(crate) next: Option<CommentPosition>,
}

impl Posts {
    /// The comments on a post, the newest first, or the replies to one of them,
    /// the oldest first, as far as `viewer` may see them.
    pub(crate) async fn comments(
        &self,
        viewer: UserId,
        post_id: PostId,
        parent_id: Option<CommentId>,
        paging: &Paging<CommentPosition>,
    ) -> Result<CommentPage, PostError> {
        match parent_id {
            None => {
                self.visible_post(viewer, post_id).await?;
            }
            Some(parent) => {
                let found = self.find_comment(viewer, parent).await?;
                if found.post.id != post_id {
                    return Err(PostError::CommentNotFound);
                }
            }
        }
        let list = CommentList { post_id, parent_id };
        let mut page = Filling::new(paging);
        let most = paging.skipped() + paging.limit + SPARE;
        let (mut after, mut looked_at) = (paging.after().copied(), 0);
        let (seen, next) = loop {
            let chunk = self.comments.page(list, after, page.wanted()).await?;
            looked_at += chunk.comments.len();
            after = chunk.comments.last().map(CommentPosition::of);
            let authors: Vec<UserId> = chunk.comments.iter().map(|it| it.user_id).collect();
            let sights = self.people.related(viewer, &authors).await?;
            for comment in chunk.comments {
                let sight = Sight::Comment { is_deleted: false };
                if let Some(author) = sights.of(comment.user_id, sight) {
                    let place = CommentPosition::of(&comment);
                    page.add(place, (comment, author.clone()));
                }
            }
            if chunk.is_end || page.is_done() {
                break page.finish();
            }
            if let Some(place) = after
                && looked_at >= most
            {
                break page.pause(place);
            }
        };
        Ok(CommentPage {
            comments: self.with_comment_likes(viewer, seen).await?,
            next,
        })
    }

    /// Comments that `viewer` may see, with their likes.
    async fn with_comment_likes(
        &self,
        viewer: UserId,
        seen: Vec<(Comment, Person)>,
    ) -> Result<Vec<SeenComment>, PostError> {
        let (comments, authors): (Vec<Comment>, Vec<Person>) = seen.into_iter().unzip();
        let ids = comments.iter().map(|comment| comment.id);
        let intents = self.likes.intents.of(viewer, ids).await;
        let mut likes = self.likes.seen(viewer, &intents, &comments).await?;
        let seen = comments.into_iter().zip(authors).map(|(comment, author)| {
            let likes = likes.remove(&comment.id.into()).unwrap_or_default();
            self.standings.note(viewer, comment.id, likes.others());
            SeenComment {
                comment,
                author,
                likes,
            }
        });
        Ok(seen.collect())
    }
}
