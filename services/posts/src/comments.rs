//! Comments one by one: made, shown, liked, taken away.

use domain::{Caption, Comment, CommentId, Post, PostId, UserId, visibility::Sight};
use store::Repeatable;
use web::Faults;

use crate::{
    PostError,
    explore::Engagement,
    likes::LikesSeen,
    mongo::Inserted,
    notifications,
    people::Person,
    posts::{Posts, noted},
};

/// A comment that somebody may see, who made it, and its likes as they see them.
#[derive(Clone, Debug)]
pub(crate) struct SeenComment {
    pub(crate) comment: Comment,
    pub(crate) author: Person,
    pub(crate) likes: LikesSeen,
}

/// A comment that somebody may see, and what it is about.
pub(crate) struct FoundComment {
    pub(crate) comment: Comment,
    pub(crate) post: Post,
}

/// A comment as somebody wrote it, not yet checked.
#[derive(Debug)]
pub(crate) struct CommentDraft {
    pub(crate) content: String,
    pub(crate) parent_id: Option<CommentId>,
}

impl Posts {
    /// Makes a comment on a post and returns what is answered, which `show`
    /// writes. A request that was answered before gets the same answer, whatever
    /// became of the comment.
    pub(crate) async fn create_comment(
        &self,
        author: UserId,
        post_id: PostId,
        draft: CommentDraft,
        repeatable: Option<Repeatable>,
        show: impl FnOnce(SeenComment) -> Result<String, serde_json::Error>,
    ) -> Result<String, PostError> {
        let own = self.people.related(author, &[author]).await?;
        if let Some(again) = &repeatable
            && let Some(answer) = self.answers.answered(author, again).await?
        {
            // Whoever has stored it may have died over it.
            self.note_comments(author, post_id).await;
            return Ok(answer);
        }
        let text = text_of(&draft)?;
        let (post, parent) = match draft.parent_id {
            None => (self.visible_post(author, post_id).await?, None),
            Some(id) => {
                let FoundComment { comment, post, .. } = self.find_comment(author, id).await?;
                if post.id != post_id {
                    return Err(PostError::CommentNotFound);
                }
                if comment.parent_id.is_some() {
                    return Err(PostError::ReplyTooDeep);
                }
                (post, Some(comment))
            }
        };
        // Fixed before the transaction, which may run more than once.
        let at = self.clock.now();
        let comment = Comment {
            id: CommentId::generate(),
            post_id,
            user_id: author,
            parent_id: draft.parent_id,
            content: text.text().to_owned(),
            likes_count: 0,
            replies_count: 0,
            mentions: text.mentions().to_vec(),
            created_at: Some(at),
            deleted_at: None,
        };
        let person = own.of(author, Sight::Profile).cloned();
        let answer = show(SeenComment {
            comment: comment.clone(),
            author: person.ok_or(PostError::AccountNotActive)?,
            likes: LikesSeen::default(),
        })?;
        let parent_author = parent.map(|parent| parent.user_id);
        let told = notifications::of_comment(&self.people, &comment, &post, parent_author);
        let told = told.await?;
        let record = repeatable.as_ref().map(|it| it.record(author, at, &answer));
        match self.comments.insert(&comment, told, record).await {
            Ok(Inserted::Done) => {
                self.note_comments(author, post_id).await;
                self.explore
                    .note(Engagement::Comment, &[(post_id, 1)])
                    .await;
                Ok(answer)
            }
            Ok(Inserted::NoPost) => Err(PostError::PostNotFound),
            Ok(Inserted::NoParent) => Err(PostError::CommentNotFound),
            Err(error) => {
                let again = repeatable.as_ref();
                self.answered_meanwhile(author, again, error).await
            }
        }
    }

    /// A comment that `viewer` may see. Whoever sees the post sees what is said
    /// about it, except by accounts that are not for their eyes, and except for
    /// what replies to these.
    pub(crate) async fn find_comment(
        &self,
        viewer: UserId,
        id: CommentId,
    ) -> Result<FoundComment, PostError> {
        let found = self.comments.find(id).await?;
        let comment = found.ok_or(PostError::CommentNotFound)?;
        let (post, parent) = self.around(&comment).await?;
        let post = post.ok_or(PostError::CommentNotFound)?;
        let mut people = vec![post.user_id, comment.user_id];
        people.extend(parent.iter().map(|parent| parent.user_id));
        let sights = self.people.related(viewer, &people).await?;
        let is_deleted = post.deleted_at.is_some();
        let sees_post = sights.of(post.user_id, Sight::Content { is_deleted });
        let sight = |comment: &Comment| Sight::Comment {
            is_deleted: comment.deleted_at.is_some(),
        };
        let sees_parent = match (comment.parent_id, &parent) {
            (None, _) => true,
            (Some(_), Some(parent)) => sights.of(parent.user_id, sight(parent)).is_some(),
            (Some(_), None) => false,
        };
        let sees_comment = sights.of(comment.user_id, sight(&comment)).is_some();
        if sees_post.is_some() && sees_parent && sees_comment {
            Ok(FoundComment { comment, post })
        } else {
            Err(PostError::CommentNotFound)
        }
    }

    /// The post of a comment, and what the comment replies to, deleted or not.
    async fn around(
        &self,
        comment: &Comment,
    ) -> Result<(Option<Post>, Option<Comment>), PostError> {
        let parent = async {
            match comment.parent_id {
                Some(parent) => self.comments.find(parent).await,
                None => Ok(None),
            }
        };
        Ok(tokio::try_join!(self.cached.find(comment.post_id), parent)?)
    }

    /// A post that `viewer` may see, without its likes.
    pub(crate) async fn visible_post(&self, viewer: UserId, id: PostId) -> Result<Post, PostError> {
        let found = self.cached.find(id).await?;
        let authors: Vec<UserId> = found.iter().map(|post| post.user_id).collect();
        let sights = self.people.related(viewer, &authors).await?;
        let post = found.ok_or(PostError::PostNotFound)?;
        let is_deleted = post.deleted_at.is_some();
        let seen = sights.of(post.user_id, Sight::Content { is_deleted });
        seen.map(|_| ()).ok_or(PostError::PostNotFound)?;
        Ok(post)
    }

    /// Takes away a comment for `viewer`, if it is theirs or on their post. What
    /// one has said oneself can be taken back also where one is not welcome any more.
    pub(crate) async fn delete_comment(
        &self,
        viewer: UserId,
        id: CommentId,
    ) -> Result<(), PostError> {
        let found = self.comments.find(id).await?;
        if let Some(comment) = found.as_ref().filter(|it| it.deleted_at.is_some()) {
            // Whoever has deleted it may have died over it.
            self.note_comments(viewer, comment.post_id).await;
        }
        if !self.is_own_comment(viewer, found).await? {
            let FoundComment { comment, post, .. } = self.find_comment(viewer, id).await?;
            if comment.user_id != viewer && post.user_id != viewer {
                return Err(PostError::NotYourComment);
            }
        }
        let deleted = self.comments.delete(id, self.clock.now()).await?;
        let comment = deleted.ok_or(PostError::CommentNotFound)?;
        self.standings.forget_deleted(id);
        self.note_comments(viewer, comment.post_id).await;
        Ok(())
    }

    /// Whether `viewer`, who is to be active, has made this comment and it is there still.
    async fn is_own_comment(
        &self,
        viewer: UserId,
        found: Option<Comment>,
    ) -> Result<bool, PostError> {
        self.people.related(viewer, &[]).await?;
        let Some(comment) = found.filter(|comment| comment.user_id == viewer) else {
            return Ok(false);
        };
        let (post, parent) = self.around(&comment).await?;
        let is_there = comment.deleted_at.is_none()
            && post.is_some_and(|post| post.deleted_at.is_none())
            && match comment.parent_id {
                Some(_) => parent.is_some_and(|parent| parent.deleted_at.is_none()),
                None => true,
            };
        Ok(is_there)
    }

    /// `actor` has changed what is said about a post: it has another count. They
    /// see it in their feed at once; pages of others may be a minute old.
    async fn note_comments(&self, actor: UserId, post_id: PostId) {
        self.cached.changed(&[post_id]).await;
        noted(self.feeds.stamps.void_feeds(&[actor]).await);
    }

    /// The likes of a comment that `viewer` may see, as they see them.
    pub(crate) async fn likes_of_comment(
        &self,
        viewer: UserId,
        id: CommentId,
    ) -> Result<LikesSeen, PostError> {
        let intents = self.likes.intents.of(viewer, [id]).await;
        let found = self.find_comment(viewer, id).await?;
        let comments = [found.comment];
        let mut likes = self.likes.seen(viewer, &intents, &comments).await?;
        let likes = likes.remove(&id.into()).unwrap_or_default();
        self.standings.note(viewer, id, likes.others());
        Ok(likes)
    }
}

/// The text of a comment, if it keeps the rules.
fn text_of(draft: &CommentDraft) -> Result<Caption, PostError> {
    let mut faults = Faults::default();
    let text = faults.note("content", Caption::parse(&draft.content));
    if text.as_ref().is_some_and(|text| text.text().is_empty()) {
        faults.add("content", "a comment needs text");
    }
    text.filter(|_| faults.is_empty())
        .ok_or_else(|| faults.into())
}
