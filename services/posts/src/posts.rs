//! Posts one by one: made, shown, changed, taken away.

use std::{collections::HashMap, sync::Arc};

use cache::CacheError;
use domain::{Post, PostId, UserId, visibility::Sight};
use runtime::Clock;
use store::{IDEMPOTENCY_INDEX, IdempotencyRecords, Repeatable, StoreError};

use crate::{
    PostError,
    drafts::{Draft, Revision},
    feeds::Feeds,
    intents::Intent,
    likes::{Likes, LikesSeen, Standings},
    mongo::{Position, PostStore},
    people::{People, Person, Sights},
    post_cache::PostCache,
};

/// The posts of the product.
#[derive(Clone)]
pub(crate) struct Posts {
    pub(crate) store: PostStore,
    pub(crate) answers: IdempotencyRecords,
    pub(crate) cached: PostCache,
    pub(crate) people: People,
    pub(crate) feeds: Feeds,
    pub(crate) likes: Likes,
    pub(crate) standings: Standings,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A post that somebody may see, who made it, and its likes as they see them.
#[derive(Clone, Debug)]
pub(crate) struct SeenPost {
    pub(crate) post: Post,
    pub(crate) author: Person,
    pub(crate) likes: LikesSeen,
}

impl Posts {
    /// Makes a post and returns what is answered, which `show` writes. A request
    /// that was answered before gets the same answer, whatever became of the post.
    pub(crate) async fn create(
        &self,
        author: UserId,
        draft: Draft,
        repeatable: Option<Repeatable>,
        show: impl FnOnce(SeenPost) -> Result<String, serde_json::Error>,
    ) -> Result<String, PostError> {
        let own = self.people.related(author, &[author]).await?;
        if let Some(again) = &repeatable
            && let Some(answer) = self.answers.answered(author, again).await?
        {
            return Ok(answer);
        }
        // Fixed before the transaction, which may run more than once.
        let post = draft.into_post(author, self.clock.now())?;
        let answer = show(SeenPost {
            author: author_of(&own, &post)?,
            post: post.clone(),
            likes: LikesSeen::default(),
        })?;
        let at = post.created_at();
        let record = repeatable.as_ref().map(|it| it.record(author, at, &answer));
        match (self.store.insert(&post, record).await, &repeatable) {
            (Ok(()), _) => {
                let position = Position(post.created_at(), post.id);
                noted(self.feeds.note_post(author, position).await);
                Ok(answer)
            }
            // The same request, sent twice at a time, was faster.
            (Err(error), Some(again)) if error.duplicate_index() == Some(IDEMPOTENCY_INDEX) => {
                let answer = self.answers.answered(author, again).await?;
                answer.ok_or(error.into())
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// A post as `viewer` sees it.
    pub(crate) async fn get(&self, viewer: UserId, id: PostId) -> Result<SeenPost, PostError> {
        self.look(viewer, id, self.cached.find(id)).await
    }

    /// The post that `find` brings, as `viewer` sees it.
    async fn look(
        &self,
        viewer: UserId,
        id: PostId,
        find: impl Future<Output = Result<Option<Post>, StoreError>>,
    ) -> Result<SeenPost, PostError> {
        let seen = self.show_found(viewer, id, find).await;
        if let Err(PostError::PostNotFound | PostError::AccountNotActive) = seen {
            self.standings.forget(viewer, id);
        }
        seen
    }

    async fn show_found(
        &self,
        viewer: UserId,
        id: PostId,
        find: impl Future<Output = Result<Option<Post>, StoreError>>,
    ) -> Result<SeenPost, PostError> {
        let intents = self.likes.intents.of(viewer, &[id]).await;
        let post = find.await?.ok_or(PostError::PostNotFound)?;
        let authors = [post.user_id];
        let (sights, likes) = tokio::try_join!(
            self.people.related(viewer, &authors),
            self.likes_of(viewer, &intents, &post)
        )?;
        let author = author_of(&sights, &post)?;
        self.standings.note(viewer, id, likes.others());
        Ok(SeenPost {
            post,
            author,
            likes,
        })
    }

    async fn likes_of(
        &self,
        viewer: UserId,
        intents: &HashMap<PostId, Intent>,
        post: &Post,
    ) -> Result<LikesSeen, PostError> {
        let posts = std::slice::from_ref(post);
        let mut likes = self.likes.seen(viewer, intents, posts).await?;
        Ok(likes.remove(&post.id).unwrap_or_default())
    }

    /// Posts that `viewer` may see, with their likes. The `intents` of `viewer`
    /// were read before the posts.
    pub(crate) async fn with_likes(
        &self,
        viewer: UserId,
        intents: &HashMap<PostId, Intent>,
        seen: Vec<(Post, Person)>,
    ) -> Result<Vec<SeenPost>, PostError> {
        let (posts, authors): (Vec<Post>, Vec<Person>) = seen.into_iter().unzip();
        let mut likes = self.likes.seen(viewer, intents, &posts).await?;
        let seen = posts.into_iter().zip(authors).map(|(post, author)| {
            let likes = likes.remove(&post.id).unwrap_or_default();
            self.standings.note(viewer, post.id, likes.others());
            SeenPost {
                post,
                author,
                likes,
            }
        });
        Ok(seen.collect())
    }

    /// A post that `author` may change, as it is stored.
    async fn own(&self, author: UserId, id: PostId) -> Result<SeenPost, PostError> {
        let seen = self.look(author, id, self.store.find(id)).await?;
        if seen.post.user_id == author {
            Ok(seen)
        } else {
            Err(PostError::NotYourPost)
        }
    }

    /// Takes away a post of `author`. What is gone stays in the store, for
    /// whoever has to judge it.
    pub(crate) async fn delete(&self, author: UserId, id: PostId) -> Result<(), PostError> {
        self.own(author, id).await?;
        if self.store.delete(id, author, self.clock.now()).await? {
            self.standings.forget_post(id);
            self.cached.changed(&[id]).await;
            noted(self.feeds.note_change(author, id).await);
            Ok(())
        } else {
            Err(PostError::PostNotFound)
        }
    }

    /// Changes a post of `author` and returns it as it is then.
    pub(crate) async fn edit(
        &self,
        author: UserId,
        id: PostId,
        revision: Revision,
    ) -> Result<SeenPost, PostError> {
        let own = self.own(author, id).await?;
        let Some(edit) = revision.of(&own.post)? else {
            return Ok(own);
        };
        let intents = self.likes.intents.of(author, &[id]).await;
        let edited = self.store.edit(id, author, edit, self.clock.now()).await?;
        let post = edited.ok_or(PostError::PostNotFound)?;
        self.cached.changed(&[id]).await;
        noted(self.feeds.note_change(author, id).await);
        let likes = self.likes_of(author, &intents, &post).await?;
        Ok(SeenPost { post, likes, ..own })
    }
}

/// What feeds are told at once so that nobody waits for it; the worker tells
/// them again.
fn noted(noted: Result<(), CacheError>) {
    if let Err(error) = noted {
        tracing::debug!(%error, "feeds learn of it later");
    }
}

/// Who made the post, if it may be seen by whoever asked for it.
fn author_of(sights: &Sights, post: &Post) -> Result<Person, PostError> {
    let sight = Sight::Content {
        is_deleted: post.deleted_at.is_some(),
    };
    let author = sights.of(post.user_id, sight);
    author.cloned().ok_or(PostError::PostNotFound)
}
