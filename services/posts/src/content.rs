//! What somebody made, for those who report it, and for those who take it away.

use domain::{CommentId, PostId, UserId};

use crate::{PostError, posts::Posts};

/// Something that can be reported and taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentId {
    Post(PostId),
    Comment(CommentId),
}

/// Something that somebody may see and is about to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) author: UserId,
    pub(crate) text: String,
    pub(crate) media_urls: Vec<String>,
}

impl Posts {
    /// What `viewer` sees there.
    pub(crate) async fn find_content(
        &self,
        viewer: UserId,
        id: ContentId,
    ) -> Result<Content, PostError> {
        match id {
            ContentId::Post(id) => {
                let post = self.get(viewer, id).await?.post;
                Ok(Content {
                    author: post.user_id,
                    text: post.caption,
                    media_urls: post.media_urls,
                })
            }
            ContentId::Comment(id) => {
                let comment = self.find_comment(viewer, id).await?.comment;
                Ok(Content {
                    author: comment.user_id,
                    text: comment.content,
                    media_urls: Vec::new(),
                })
            }
        }
    }

    /// Takes something away for everybody, as whoever made it would. What is
    /// gone already stays so.
    pub(crate) async fn remove_content(&self, id: ContentId) -> Result<(), PostError> {
        match id {
            ContentId::Post(id) => {
                if let Some(post) = self.store.find(id).await? {
                    self.remove(post.user_id, id).await?;
                }
            }
            ContentId::Comment(id) => {
                if let Some(comment) = self.comments.delete(id, self.clock.now()).await? {
                    self.standings.forget_deleted(id);
                    self.cached.changed(&[comment.post_id]).await;
                }
            }
        }
        Ok(())
    }
}
