//! Posts one by one: made, shown, changed, taken away.

use std::{collections::HashMap, sync::Arc};

use cache::CacheError;
use domain::{LikedId, Post, PostId, UserId, visibility::Sight};
use runtime::Clock;
use store::{IDEMPOTENCY_INDEX, IdempotencyRecords, Repeatable, StoreError};

use crate::{
    PostError,
    drafts::{Draft, Revision},
    explore::{Engagement, Explore},
    feeds::Feeds,
    intents::Intent,
    likes::{Likes, LikesSeen, Standings},
    mongo::{CommentStore, Position, PostStore, SavedPosts},
    notifications,
    people::{People, Person, Sights},
    post_cache::PostCache,
    trending::Trending,
};

/// The posts of the product.
#[derive(Clone)]
pub(crate) struct Posts {
    pub(crate) store: PostStore,
    pub(crate) comments: CommentStore,
    pub(crate) answers: IdempotencyRecords,
    pub(crate) cached: PostCache,
    pub(crate) people: People,
    pub(crate) feeds: Feeds,
    pub(crate) likes: Likes,
    pub(crate) saves: SavedPosts,
    pub(crate) explore: Explore,
    pub(crate) trending: Trending,
    pub(crate) standings: Standings,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A post that somebody may see, who made it, and what they did to it.
#[derive(Clone, Debug)]
pub(crate) struct SeenPost {
    pub(crate) post: Post,
    pub(crate) author: Person,
    pub(crate) likes: LikesSeen,
    pub(crate) is_saved: bool,
}

/// A post that somebody may see, before they are shown whether they have saved it.
struct Sighting {
    post: Post,
    author: Person,
    likes: LikesSeen,
}

impl Sighting {
    fn shown(self, is_saved: bool) -> SeenPost {
        SeenPost {
            post: self.post,
            author: self.author,
            likes: self.likes,
            is_saved,
        }
    }
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
            is_saved: false,
        })?;
        let at = post.created_at();
        let record = repeatable.as_ref().map(|it| it.record(author, at, &answer));
        let told = notifications::of_post(&self.people, &post, &post.mentions, at).await?;
        match self.store.insert(&post, told, record).await {
            Ok(()) => {
                let position = Position(post.created_at(), post.id);
                noted(self.feeds.note_post(author, position).await);
                if own.is_discoverable(&post) {
                    self.explore.note(Engagement::Post, &[(post.id, 1)]).await;
                    self.trending.note(author, &post.hashtags).await;
                }
                Ok(answer)
            }
            Err(error) => {
                let again = repeatable.as_ref();
                self.answered_meanwhile(author, again, error).await
            }
        }
    }

    /// What was answered to the same request, if `error` says that it was sent
    /// twice at a time and the other one was faster.
    pub(crate) async fn answered_meanwhile(
        &self,
        user_id: UserId,
        repeatable: Option<&Repeatable>,
        error: StoreError,
    ) -> Result<String, PostError> {
        match repeatable {
            Some(again) if error.duplicate_index() == Some(IDEMPOTENCY_INDEX) => {
                let answer = self.answers.answered(user_id, again).await?;
                answer.ok_or(error.into())
            }
            _ => Err(error.into()),
        }
    }

    /// A post as `viewer` sees it.
    pub(crate) async fn get(&self, viewer: UserId, id: PostId) -> Result<SeenPost, PostError> {
        let (sighting, saved) = tokio::try_join!(
            self.look(viewer, id, self.cached.find(id)),
            self.is_saved(viewer, id)
        )?;
        Ok(sighting.shown(saved))
    }

    /// The likes of a post as `viewer` sees them.
    pub(crate) async fn likes_seen(
        &self,
        viewer: UserId,
        id: PostId,
    ) -> Result<LikesSeen, PostError> {
        let sighting = self.look(viewer, id, self.cached.find(id)).await?;
        Ok(sighting.likes)
    }

    async fn is_saved(&self, viewer: UserId, id: PostId) -> Result<bool, PostError> {
        Ok(self.saves.own(viewer, &[id]).await?.contains(&id))
    }

    /// The post that `find` brings, as `viewer` sees it.
    async fn look(
        &self,
        viewer: UserId,
        id: PostId,
        find: impl Future<Output = Result<Option<Post>, StoreError>>,
    ) -> Result<Sighting, PostError> {
        // Boxed: it is many reads at once, and part of most other futures.
        let seen = Box::pin(self.show_found(viewer, id, find)).await;
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
    ) -> Result<Sighting, PostError> {
        let intents = self.likes.intents.of(viewer, [id]).await;
        let post = find.await?.ok_or(PostError::PostNotFound)?;
        let authors = [post.user_id];
        let (sights, likes) = tokio::try_join!(
            self.people.related(viewer, &authors),
            self.likes_of(viewer, &intents, &post)
        )?;
        let author = author_of(&sights, &post)?;
        self.standings.note(viewer, id, likes.others());
        Ok(Sighting {
            post,
            author,
            likes,
        })
    }

    async fn likes_of(
        &self,
        viewer: UserId,
        intents: &HashMap<LikedId, Intent>,
        post: &Post,
    ) -> Result<LikesSeen, PostError> {
        let posts = std::slice::from_ref(post);
        let mut likes = self.likes.seen(viewer, intents, posts).await?;
        Ok(likes.remove(&post.id.into()).unwrap_or_default())
    }

    /// Posts that `viewer` may see, with their likes and saves. The `intents` of
    /// `viewer` were read before the posts.
    pub(crate) async fn with_likes(
        &self,
        viewer: UserId,
        intents: &HashMap<LikedId, Intent>,
        seen: Vec<(Post, Person)>,
    ) -> Result<Vec<SeenPost>, PostError> {
        let (posts, authors): (Vec<Post>, Vec<Person>) = seen.into_iter().unzip();
        let ids: Vec<PostId> = posts.iter().map(|post| post.id).collect();
        let (mut likes, saved) = tokio::try_join!(
            self.likes.seen(viewer, intents, &posts),
            self.saves.own(viewer, &ids)
        )?;
        let seen = posts.into_iter().zip(authors).map(|(post, author)| {
            let likes = likes.remove(&post.id.into()).unwrap_or_default();
            self.standings.note(viewer, post.id, likes.others());
            SeenPost {
                is_saved: saved.contains(&post.id),
                post,
                author,
                likes,
            }
        });
        Ok(seen.collect())
    }

    /// A post that `author` may change, as it is stored.
    async fn own(&self, author: UserId, id: PostId) -> Result<Sighting, PostError> {
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
        if self.remove(author, id).await? {
            Ok(())
        } else {
            Err(PostError::PostNotFound)
        }
    }

    /// Takes away a post of `author`, whoever wants that; false if there is none
    /// (any more).
    pub(crate) async fn remove(&self, author: UserId, id: PostId) -> Result<bool, PostError> {
        let is_removed = self.store.delete(id, author, self.clock.now()).await?;
        if is_removed {
            self.standings.forget_deleted(id);
            self.cached.changed(&[id]).await;
            self.explore.forget(&[id]).await;
            noted(self.feeds.note_change(author, id).await);
        }
        Ok(is_removed)
    }

    /// Changes a post of `author` and returns it as it is then.
    pub(crate) async fn edit(
        &self,
        author: UserId,
        id: PostId,
        revision: Revision,
    ) -> Result<SeenPost, PostError> {
        let (own, is_saved) = tokio::try_join!(self.own(author, id), self.is_saved(author, id))?;
        let Some(edit) = revision.of(&own.post)? else {
            return Ok(own.shown(is_saved));
        };
        let (intents, now) = (self.likes.intents.of(author, [id]).await, self.clock.now());
        let named = edit.newly_mentioned(&own.post);
        let told = notifications::of_post(&self.people, &own.post, &named, now).await?;
        let edited = self.store.edit(id, author, edit, told, now).await?;
        let post = edited.ok_or(PostError::PostNotFound)?;
        self.cached.changed(&[id]).await;
        noted(self.feeds.note_change(author, id).await);
        let likes = self.likes_of(author, &intents, &post).await?;
        Ok(Sighting { post, likes, ..own }.shown(is_saved))
    }
}

/// What feeds are told at once so that nobody waits for it; the worker tells
/// them again.
pub(crate) fn noted(noted: Result<(), CacheError>) {
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
