//! Whom the texts of posts and comments concern, and the jobs that tell them.
//!
//! The jobs are made before the transaction of what they tell of, and written
//! in it. Only who may see the text is told of it.

use std::collections::BTreeSet;

use bus::job_row;
use contracts::{
    jobs::v1::{NotificationActor, NotificationKind, Notify, job::Work},
    topology::NOTIFICATIONS,
};
use domain::{Comment, Post, Timestamp, UserId, visibility::Sight};
use store::OutboxRow;

use crate::{PostError, people::People};

const POST: Sight = Sight::Content { is_deleted: false };
const COMMENT: Sight = Sight::Comment { is_deleted: false };

/// The rows that tell those with `usernames` that `post` mentions them.
pub(crate) async fn of_post(
    people: &People,
    post: &Post,
    usernames: &[String],
    at: Timestamp,
) -> Result<Vec<OutboxRow>, PostError> {
    if usernames.is_empty() {
        return Ok(Vec::new());
    }
    let author = post.user_id;
    let (sights, named) = people.named(author, &[], usernames).await?;
    let told = named.into_iter().filter(|id| sights.is_shown_to(*id, POST));
    let rows = told.map(|id| {
        let notify = Notify {
            post_id: post.id.to_string(),
            ..notify(id, NotificationKind::Mention, author)
        };
        job_row(NOTIFICATIONS, Work::Notify(notify), at)
    });
    Ok(rows.collect())
}

/// The rows that tell of `comment` on `post`: whom it replies to, whose the
/// post is, and who is mentioned. Each of them is told once, by the first of
/// these reasons, and nobody of what they say themselves.
pub(crate) async fn of_comment(
    people: &People,
    comment: &Comment,
    post: &Post,
    parent_author: Option<UserId>,
) -> Result<Vec<OutboxRow>, PostError> {
    let (actor, post_author) = (comment.user_id, post.user_id);
    let answered = parent_author.into_iter();
    let addressed: Vec<UserId> = answered.clone().chain([post_author]).collect();
    let (sights, named) = people.named(actor, &addressed, &comment.mentions).await?;

    let answered = answered.map(|id| (id, NotificationKind::Reply));
    let commented = [(post_author, NotificationKind::Comment)];
    let mentioned = named.into_iter().map(|id| (id, NotificationKind::Mention));
    let mut seen = BTreeSet::new();
    let mut told: Vec<(UserId, NotificationKind)> = answered
        .chain(commented)
        .chain(mentioned)
        .filter(|(id, _)| seen.insert(*id) && sights.is_shown_to(*id, COMMENT))
        .collect();
    keep_viewers(people, post, &mut told).await?;

    let rows = told.into_iter().map(|(id, kind)| {
        let notify = Notify {
            post_id: post.id.to_string(),
            comment_id: comment.id.to_string(),
            ..notify(id, kind, actor)
        };
        job_row(NOTIFICATIONS, Work::Notify(notify), comment.created_at())
    });
    Ok(rows.collect())
}

/// Leaves those who may see `post`, on which something was said.
async fn keep_viewers(
    people: &People,
    post: &Post,
    told: &mut Vec<(UserId, NotificationKind)>,
) -> Result<(), PostError> {
    let author = post.user_id;
    let others: Vec<UserId> = told.iter().map(|(id, _)| *id).collect();
    if others.iter().all(|id| *id == author) {
        return Ok(());
    }
    match people.related(author, &others).await {
        Ok(sights) => {
            told.retain(|(id, _)| *id == author || sights.is_shown_to(*id, POST));
            Ok(())
        }
        // A moderator speaks where nobody else looks.
        Err(PostError::AccountNotActive) => {
            told.clear();
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn notify(receiver: UserId, kind: NotificationKind, actor: UserId) -> Notify {
    Notify {
        user_id: receiver.to_string(),
        kind: kind.into(),
        actors: vec![NotificationActor {
            user_id: actor.to_string(),
            ..NotificationActor::default()
        }],
        ..Notify::default()
    }
}
