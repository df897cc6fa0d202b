//! What a private account does with those who ask to follow it.

use contracts::events::v1::FollowState;
use domain::{FollowStatus, Timestamp, User, UserId, visibility::Sight};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use store::{Operation, OutboxRow};
use web::Paging;

use crate::{
    AuthError,
    accounts::UserRef,
    follow_lists::{Position, scan},
    follow_news,
    follows::FollowGraph,
    mongo::{EdgeRange, FollowChange, FollowList},
    relations::{Related, viewer},
};

/// Somebody who asks.
pub(crate) struct Request {
    pub(crate) asker: Related,
    pub(crate) requested_at: Timestamp,
}

/// A part of the list, and where it goes on.
pub(crate) type Page = (Vec<Request>, Option<Position>);

/// Shows and answers requests. They stay answerable when the account has gone
/// public, until all are accepted.
#[derive(Clone)]
pub(crate) struct FollowRequests {
    pub(crate) graph: FollowGraph,
}

/// What an answer is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accept,
    Decline,
}

/// Who was answered, and whether they follow now; a refusal changes nothing.
type Outcome = std::result::Result<(UserId, bool), AuthError>;

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "follows",
        name,
    }
}

impl FollowRequests {
    /// A page of those who ask to follow `user_id`, newest first, as it is at
    /// one moment. Whoever is hidden waits until they are not.
    pub(crate) async fn page(
        &self,
        user_id: UserId,
        paging: &Paging<Position>,
    ) -> std::result::Result<Page, AuthError> {
        let (requests, paging) = (self.clone(), paging.clone());
        let store = &self.graph.relations.store;
        let page = store.snapshot(operation("requests"), move |session| {
            let (requests, paging) = (requests.clone(), paging.clone());
            async move { requests.page_in(session, user_id, &paging).await }.boxed()
        });
        page.await?
    }

    async fn page_in(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        paging: &Paging<Position>,
    ) -> Result<std::result::Result<Page, AuthError>> {
        let relations = &self.graph.relations;
        let own = UserRef::Id(user_id);
        let viewer = match viewer(relations.users.find_in(&mut *session, &own).await?) {
            Ok(viewer) => viewer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (list, status) = (FollowList::Followers, FollowStatus::Pending);
        let range = EdgeRange::newest(list, user_id, status);
        let (members, next) = scan(relations, session, &viewer, range, paging).await?;
        let requests = members.into_iter().map(|(edge, asker)| Request {
            asker,
            requested_at: edge.created_at,
        });
        Ok(Ok((requests.collect(), next)))
    }

    /// Answers whoever asks to follow `user_id`; whether they follow then. The
    /// same answer again changes nothing. Declining ends no follow.
    pub(crate) async fn answer(
        &self,
        user_id: UserId,
        asker: UserRef,
        answer: Answer,
    ) -> std::result::Result<bool, AuthError> {
        let (requests, now) = (self.clone(), self.graph.clock.now());
        let store = &self.graph.relations.store;
        let answered = store.transaction(operation("answer"), move |session| {
            let (requests, asker) = (requests.clone(), asker.clone());
            async move {
                let answered = requests.answer_in(session, user_id, &asker, answer, now);
                answered.await
            }
            .boxed()
        });
        let (asker_id, followed_by) = answered.await??;
        self.graph.outbox.wake();
        self.graph.relations.changes.wake();
        let copies = &self.graph.copies;
        copies.forget_relation(asker_id, user_id).await;
        Ok(followed_by)
    }

    async fn answer_in(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        asker: &UserRef,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Outcome> {
        let relations = &self.graph.relations;
        let (own, asker) = relations.meet(&mut *session, user_id, asker).await?;
        let asker = match may_answer(own, asker) {
            Ok(asker) => asker,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let asker_id = asker.user.id;
        let follows = &relations.follows;
        match answer {
            _ if asker.relation.followed_by => Ok(Ok((asker_id, true))),
            Answer::Accept => {
                let accepted = follows.accept(&mut *session, asker_id, user_id).await?;
                let Some(edge) = accepted else {
                    return Ok(Err(AuthError::FollowRequestNotFound));
                };
                let change = FollowChange::accepted(&edge);
                relations.changes.insert(&mut *session, &change).await?;
                let rows: [OutboxRow; 2] = [
                    follow_news::changed(&edge, FollowState::Following, now),
                    follow_news::accepted(&edge, now),
                ];
                self.graph.outbox.put(session, &rows).await?;
                Ok(Ok((asker_id, true)))
            }
            Answer::Decline => {
                let declined = follows.decline(&mut *session, asker_id, user_id).await?;
                if let Some(edge) = declined {
                    self.graph.note_end(session, &edge, now).await?;
                }
                Ok(Ok((asker_id, false)))
            }
        }
    }
}

/// Whoever is to be answered, if the caller may know of them.
fn may_answer(
    own: Option<User>,
    asker: Option<Related>,
) -> std::result::Result<Related, AuthError> {
    let viewer = viewer(own)?;
    asker
        .filter(|asker| asker.is_visible_to(&viewer, Sight::Listing))
        .filter(|asker| asker.user.id != viewer.id)
        .ok_or(AuthError::FollowRequestNotFound)
}
