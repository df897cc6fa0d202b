//! What is told of follows: the event that one is not what it was, and the
//! notifications of those whom it concerns.

use bus::{event_row, job_row};
use contracts::{
    events::v1::{FollowChanged, FollowState, event::Fact},
    jobs::v1::{NotificationActor, NotificationKind, Notify, job::Work},
    topology::NOTIFICATIONS,
};
use domain::{Follow, Timestamp, UserId};
use store::OutboxRow;

/// Tells services what an edge became.
pub(crate) fn changed(edge: &Follow, state: FollowState, at: Timestamp) -> OutboxRow {
    let fact = Fact::FollowChanged(FollowChanged {
        follower_id: edge.follower_id.to_string(),
        followee_id: edge.followee_id.to_string(),
        state: state.into(),
    });
    event_row(fact, at)
}

/// Tells a private account that somebody asks to follow it.
pub(crate) fn asked(edge: &Follow, at: Timestamp) -> OutboxRow {
    let asker = [edge.follower_id];
    let kind = NotificationKind::FollowRequest;
    notification(edge.followee_id, kind, &asker, at)
}

/// Tells whoever asked that they were accepted.
pub(crate) fn accepted(edge: &Follow, at: Timestamp) -> OutboxRow {
    let owner = [edge.followee_id];
    let kind = NotificationKind::FollowAccepted;
    notification(edge.follower_id, kind, &owner, at)
}

/// Tells an account who follows it now.
pub(crate) fn followed(followee: UserId, followers: &[UserId], at: Timestamp) -> OutboxRow {
    notification(followee, NotificationKind::Follow, followers, at)
}

fn notification(
    receiver: UserId,
    kind: NotificationKind,
    actors: &[UserId],
    at: Timestamp,
) -> OutboxRow {
    let actor = |id: &UserId| NotificationActor {
        user_id: id.to_string(),
        ..NotificationActor::default()
    };
    let notify = Notify {
        user_id: receiver.to_string(),
        kind: kind.into(),
        actors: actors.iter().map(actor).collect(),
        ..Notify::default()
    };
    job_row(NOTIFICATIONS, Work::Notify(notify), at)
}
