//! What accounts and posts are told to be that they were not, and what it
//! changes here.

use bson::oid::ObjectId;
use bus::{Handler, NotHandled, Publisher, job_message};
use contracts::{
    events::v1::{
        BlockChanged, ContentRemoved, ContentType, Event, FollowChanged, FollowState, PostDeleted,
        PostEdited, UserChanged, UserErased, event::Fact,
    },
    jobs::v1::{AuthorChanged, Job, UpdateFeeds, job::Work, update_feeds::Change},
    topology::FEED_UPDATES,
};
use domain::{Id, UserId};
use web::Failure;

use crate::{
    PostError, content::ContentId, feed_updates::FeedUpdates, mongo::Erasures, posts::Posts,
};

/// Handles the queue `posts-events`. Events may come again and in any order:
/// each says only that something is not what it was, and what is kept of it is
/// forgotten.
#[derive(Clone)]
pub(crate) struct EventHandler {
    pub(crate) updates: FeedUpdates,
    pub(crate) posts: Posts,
    pub(crate) erasures: Erasures,
    pub(crate) publisher: Publisher,
}

impl Handler for EventHandler {
    async fn handle(&self, payload: &[u8]) -> Result<(), NotHandled> {
        let event = Event::from_bytes(payload).map_err(|error| NotHandled::invalid(&error))?;
        let handled = match &event.fact {
            Some(Fact::FollowChanged(change)) => self.follow_changed(change).await,
            Some(Fact::BlockChanged(change)) => self.block_changed(change).await,
            Some(Fact::UserChanged(change)) => self.user_changed(&event, change).await,
            Some(
                Fact::PostEdited(PostEdited { post_id, author_id })
                | Fact::PostDeleted(PostDeleted { post_id, author_id }),
            ) => self.post_changed(post_id, author_id).await,
            Some(Fact::UserErased(UserErased { user_id })) => self.user_erased(user_id).await,
            Some(Fact::ContentRemoved(removed)) => self.content_removed(removed).await,
            _ => Ok(()),
        };
        handled.map_err(|error| NotHandled {
            kind: error.kind(),
            reason: error.to_string(),
        })
    }
}

impl EventHandler {
    /// Who begins to follow finds the posts in the feed. Who ends it gets a new
    /// timeline, without what filled the old one.
    async fn follow_changed(&self, change: &FollowChanged) -> Result<(), PostError> {
        let (follower, author) = (id(&change.follower_id)?, id(&change.followee_id)?);
        let feeds = &self.updates.feeds;
        self.updates
            .people
            .forget_relation(follower, author)
            .await?;
        feeds.merging.forget_authors(&[follower]).await?;
        match change.state() {
            FollowState::Following => self.updates.make_up_for(author, &[follower]).await?,
            FollowState::None => feeds.timelines.drop_of(follower).await?,
            FollowState::Requested | FollowState::Unspecified => {}
        }
        Ok(feeds.stamps.void_feeds(&[follower]).await?)
    }

    async fn block_changed(&self, change: &BlockChanged) -> Result<(), PostError> {
        let both = [id(&change.user_id)?, id(&change.blocked_id)?];
        let [user, blocked] = both;
        self.updates.people.forget_relation(user, blocked).await?;
        Ok(self.updates.feeds.stamps.void_feeds(&both).await?)
    }

    async fn user_changed(&self, event: &Event, change: &UserChanged) -> Result<(), PostError> {
        let user = id(&change.user_id)?;
        let stamps = &self.updates.feeds.stamps;
        self.updates.people.forget_user(user).await?;
        stamps.touch(&[user.oid()]).await?;
        stamps.void_feeds(&[user]).await?;
        stamps.void_author(user).await?;
        if change.standing_changed {
            self.tell_followers(event, user).await?;
        }
        Ok(())
    }

    /// Posts that come back are on no page, so their author being touched does
    /// not end the pages that lack them.
    async fn tell_followers(&self, event: &Event, author: UserId) -> Result<(), PostError> {
        let work = Work::UpdateFeeds(UpdateFeeds {
            author_id: author.to_string(),
            change: Some(Change::AuthorChanged(AuthorChanged {})),
            ..UpdateFeeds::default()
        });
        // The same job however often the event comes.
        let job_id: ObjectId = id::<Event>(&event.id)?.oid();
        let job = Job::new(job_id, self.updates.clock.now(), work);
        self.publisher
            .publish(&job_message(FEED_UPDATES, job))
            .await?;
        Ok(())
    }

    async fn post_changed(&self, post_id: &str, author_id: &str) -> Result<(), PostError> {
        let (post, author) = (id(post_id)?, id(author_id)?);
        self.posts.cached.forget(&[post]).await?;
        Ok(self.updates.feeds.note_change(author, post).await?)
    }

    /// From here on it is on the list of what is to be erased.
    async fn user_erased(&self, user_id: &str) -> Result<(), PostError> {
        let now = self.updates.clock.now();
        Ok(self.erasures.begin(id(user_id)?, now).await?)
    }

    async fn content_removed(&self, removed: &ContentRemoved) -> Result<(), PostError> {
        let content = match removed.content_type() {
            ContentType::Post => ContentId::Post(id(&removed.content_id)?),
            ContentType::Comment => ContentId::Comment(id(&removed.content_id)?),
            // Of other services.
            ContentType::Reel | ContentType::Message | ContentType::Unspecified => return Ok(()),
        };
        self.posts.remove_content(content).await
    }
}

fn id<T>(text: &str) -> Result<Id<T>, PostError> {
    text.parse()
        .or(Err(PostError::Unreadable("an id of an event")))
}
