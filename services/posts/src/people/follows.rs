//! Who follows whom: whole lists, and pages of long ones.

use std::{collections::HashMap, future::Future};

use contracts::auth::v1::{
    StreamFolloweeIdsRequest, StreamFolloweesRequest, StreamFollowersRequest,
};
use domain::UserId;
use tokio::time::timeout;
use tonic::Status;

use super::{People, Person, Sights, refused, unreadable};
use crate::PostError;

/// A page of followers as long as this is hardly ever the last one, and what
/// comes behind it need not be looked at.
const FULL_PAGE: usize = 1_000;

impl People {
    /// `viewer` and everybody whom they follow.
    pub(crate) async fn followees(&self, viewer_id: UserId) -> Result<Sights, PostError> {
        let own = [viewer_id];
        let (mut sights, followees) = tokio::try_join!(
            self.related(viewer_id, &own),
            self.stream_followees(viewer_id)
        )?;
        sights.people.extend(followees);
        Ok(sights)
    }

    async fn stream_followees(
        &self,
        viewer_id: UserId,
    ) -> Result<HashMap<UserId, Person>, PostError> {
        let request = StreamFolloweesRequest {
            user_id: viewer_id.to_string(),
        };
        let mut relations = self.relations.clone();
        self.in_time(async {
            let mut people = HashMap::new();
            let answer = relations.stream_followees(request).await;
            let mut chunks = answer.map_err(refused)?.into_inner();
            while let Some(chunk) = chunks.message().await.map_err(refused)? {
                for user in chunk.users {
                    let person = Person::read(user)?;
                    people.insert(person.id(), person);
                }
            }
            Ok(people)
        })
        .await
    }

    /// Everybody whom `viewer` follows, in no order.
    pub(crate) async fn followee_ids(&self, viewer_id: UserId) -> Result<Vec<UserId>, PostError> {
        let request = StreamFolloweeIdsRequest {
            user_id: viewer_id.to_string(),
        };
        let mut relations = self.relations.clone();
        self.in_time(async {
            let mut ids = Vec::new();
            let answer = relations.stream_followee_ids(request).await;
            let mut chunks = answer.map_err(refused)?.into_inner();
            while let Some(chunk) = chunks.message().await.map_err(refused)? {
                ids.append(&mut parsed(&chunk.user_ids)?);
            }
            Ok(ids)
        })
        .await
    }

    /// Some of those who follow `author`, oldest first, behind the position that
    /// the page before came with; the position of the last if there may be more.
    pub(crate) async fn followers_after(
        &self,
        author: UserId,
        position: Option<String>,
    ) -> Result<(Vec<UserId>, Option<String>), PostError> {
        let request = StreamFollowersRequest {
            user_id: author.to_string(),
            after_position: position.unwrap_or_default(),
            one_message: true,
        };
        let mut relations = self.relations.clone();
        self.in_time(async {
            let answer = relations.stream_followers(request).await;
            let mut chunks = answer.map_err(refused)?.into_inner();
            let Some(first) = chunks.message().await.map_err(refused)? else {
                return Ok((Vec::new(), None));
            };
            let has_more = first.user_ids.len() >= FULL_PAGE;
            Ok((parsed(&first.user_ids)?, has_more.then_some(first.position)))
        })
        .await
    }

    /// A stream may take longer than a call, but not for ever.
    async fn in_time<T>(
        &self,
        stream: impl Future<Output = Result<T, PostError>>,
    ) -> Result<T, PostError> {
        let read = timeout(self.stream_deadline, stream).await;
        read.unwrap_or_else(|_elapsed| {
            Err(refused(Status::deadline_exceeded(
                "a list of people took too long",
            )))
        })
    }
}

fn parsed(ids: &[String]) -> Result<Vec<UserId>, PostError> {
    let ids = ids.iter().map(|id| id.parse());
    ids.collect::<Result<_, _>>()
        .map_err(|_invalid| unreadable())
}
