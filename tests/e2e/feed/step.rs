use serde_json::json;
use testkit::{Response, User};

use super::{reading, rig::Rig};

/// Something that somebody does, or that is done to them. People go by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Follow(usize, usize),
    Unfollow(usize, usize),
    Publish(usize),
    Delete(Post),
    Edit(Post),
    Like(usize, Post),
    Unlike(usize, Post),
    Rename(usize),
    GoPrivate(usize),
    GoPublic(usize),
    Block(usize, usize),
    Unblock(usize, usize),
    Mute(usize, usize),
    Unmute(usize, usize),
    ShadowBan(usize),
    LiftShadowBan(usize),
    Suspend(usize),
    Reinstate(usize),
    /// At a page of the own feed: its limit and number.
    Look(usize, usize, usize),
}

/// A post, and the number of its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) author: usize,
    pub(super) id: String,
}

impl Step {
    /// Does it; the answer, if somebody was asked. The `nth` step of all says so in what it writes.
    pub(super) async fn perform(&self, rig: &Rig, people: &[User], nth: usize) -> Option<Response> {
        let to = &rig.deployment;
        match self {
            Self::ShadowBan(who) => to.shadow_ban(&people[*who]).await,
            Self::LiftShadowBan(who) => to.lift_shadow_ban(&people[*who]).await,
            Self::Suspend(who) => to.suspend(&people[*who]).await,
            Self::Reinstate(who) => to.reinstate(&people[*who]).await,
            _ => return Some(self.ask(people, nth).await),
        }
        None
    }

    async fn ask(&self, people: &[User], nth: usize) -> Response {
        let to = |of: &usize, what: &str| format!("/api/users/{}/{what}", people[*of].id);
        match self {
            Self::Follow(by, of) => people[*by].post_empty(&to(of, "follow")).await,
            Self::Unfollow(by, of) => people[*by].delete(&to(of, "follow")).await,
            Self::Block(by, of) => people[*by].post_empty(&to(of, "block")).await,
            Self::Unblock(by, of) => people[*by].delete(&to(of, "block")).await,
            Self::Mute(by, of) => people[*by].post_empty(&to(of, "mute")).await,
            Self::Unmute(by, of) => people[*by].delete(&to(of, "mute")).await,
            Self::Publish(by) => {
                let body = json!({ "content": format!("step {nth}") });
                people[*by].post("/api/posts", &body).await
            }
            Self::Delete(post) => people[post.author].delete(&post.path()).await,
            Self::Edit(post) => {
                let body = json!({ "caption": format!("edited in step {nth}") });
                people[post.author].patch(&post.path(), &body).await
            }
            Self::Like(by, post) => {
                let body = json!({ "reaction": "👍🏽" });
                people[*by].post(&post.like_path(), &body).await
            }
            Self::Unlike(by, post) => people[*by].delete(&post.like_path()).await,
            Self::Rename(who) => {
                let body = json!({ "full_name": format!("Name of step {nth}") });
                people[*who].patch("/api/users/me", &body).await
            }
            Self::GoPrivate(who) | Self::GoPublic(who) => {
                let body = json!({ "is_private": matches!(self, Self::GoPrivate(_)) });
                people[*who].patch("/api/users/me", &body).await
            }
            Self::Look(by, limit, number) => {
                let path = format!("/api/posts/feed?limit={limit}&page={number}");
                let answer = people[*by].get(&path).await;
                reading::page(&answer);
                answer
            }
            planted => unreachable!("{planted:?} is not asked for"),
        }
    }

    /// Those whose feed it may change, or what is in others'.
    pub(super) fn concerns(&self, who: usize) -> bool {
        match self {
            Self::Follow(by, of)
            | Self::Unfollow(by, of)
            | Self::Block(by, of)
            | Self::Unblock(by, of)
            | Self::Mute(by, of)
            | Self::Unmute(by, of) => [*by, *of].contains(&who),
            Self::Like(by, post) | Self::Unlike(by, post) => [*by, post.author].contains(&who),
            Self::Delete(post) | Self::Edit(post) => post.author == who,
            Self::Publish(of)
            | Self::Rename(of)
            | Self::GoPrivate(of)
            | Self::GoPublic(of)
            | Self::ShadowBan(of)
            | Self::LiftShadowBan(of)
            | Self::Suspend(of)
            | Self::Reinstate(of)
            | Self::Look(of, ..) => *of == who,
        }
    }
}

impl Post {
    fn path(&self) -> String {
        format!("/api/posts/{}", self.id)
    }

    fn like_path(&self) -> String {
        format!("/api/posts/{}/like", self.id)
    }
}
