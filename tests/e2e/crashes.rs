//! Services are killed between every two steps of what they do, as SIGKILL and
//! power cuts do it, and nothing that was acknowledged is lost, nothing is done
//! twice, no counter is wrong.
//!
//! The steps are not listed here: a run without a kill tells them, so a step
//! that is added later is covered by itself.

mod celebrity;
mod locks;
mod rig;
mod rounds;
mod stories;
mod truth;

use rounds::survives;
use stories::{CreatePost, DeletePost, Follow, Register, Unfollow};

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
async fn a_post_survives_a_kill_at_any_step() {
    survives(CreatePost).await;
}

#[tokio::test]
async fn a_deletion_survives_a_kill_at_any_step() {
    survives(DeletePost).await;
}
