//! Services are killed between every two steps of what they do, as SIGKILL and
//! power cuts do it, and nothing that was acknowledged is lost, nothing is done
//! twice, no counter is wrong.
//!
//! The steps are not listed here: a run without a kill tells them, so a step
//! that is added later is covered by itself.

mod celebrity;
mod erasure;
mod locks;
mod rig;
mod rounds;
mod stories;

use rounds::survives;
use stories::{
    accounts::{Leave, Register},
    blocks::{Block, Unblock},
    comments::{CreateComment, DeleteComment, Reply},
    follows::{Follow, Unfollow},
    moderation::{Report, Suspend},
    posts::{CreatePost, DeletePost},
    requests::{Accept, GoPublic},
    saves::{Save, Unsave},
};

#[tokio::test]
async fn a_registration_survives_a_kill_at_any_step() {
    survives(Register).await;
}

#[tokio::test]
async fn a_follow_survives_a_kill_at_any_step() {
    survives(Follow).await;
}

#[tokio::test]
async fn an_unfollow_survives_a_kill_at_any_step() {
    survives(Unfollow).await;
}

#[tokio::test]
async fn an_accepted_request_survives_a_kill_at_any_step() {
    survives(Accept).await;
}

#[tokio::test]
async fn going_public_survives_a_kill_at_any_step() {
    survives(GoPublic).await;
}

#[tokio::test]
async fn a_block_survives_a_kill_at_any_step() {
    survives(Block).await;
}

#[tokio::test]
async fn the_end_of_a_block_survives_a_kill_at_any_step() {
    survives(Unblock).await;
}

#[tokio::test]
async fn a_post_survives_a_kill_at_any_step() {
    survives(CreatePost).await;
}

#[tokio::test]
async fn a_deletion_survives_a_kill_at_any_step() {
    survives(DeletePost).await;
}

#[tokio::test]
async fn a_comment_survives_a_kill_at_any_step() {
    survives(CreateComment).await;
}

#[tokio::test]
async fn a_reply_survives_a_kill_at_any_step() {
    survives(Reply).await;
}

#[tokio::test]
async fn the_deletion_of_a_comment_survives_a_kill_at_any_step() {
    survives(DeleteComment).await;
}

#[tokio::test]
async fn a_save_survives_a_kill_at_any_step() {
    survives(Save).await;
}

#[tokio::test]
async fn an_unsave_survives_a_kill_at_any_step() {
    survives(Unsave).await;
}

#[tokio::test]
async fn a_report_survives_a_kill_at_any_step() {
    survives(Report).await;
}

#[tokio::test]
async fn a_suspension_survives_a_kill_at_any_step() {
    survives(Suspend).await;
}

#[tokio::test]
async fn a_departure_survives_a_kill_at_any_step() {
    survives(Leave).await;
}
