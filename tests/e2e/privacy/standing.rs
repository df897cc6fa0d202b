use serde_json::json;
use testkit::{Method, Stack, User};

/// What stands between somebody who looks and an author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Stranger,
    Follower,
    StrangerToPrivate,
    AskedPrivate,
    FollowerOfPrivate,
    /// The author blocks the viewer.
    Blocked,
    /// The viewer blocks the author.
    Blocker,
    MutingStranger,
    MutingFollower,
    ShadowBanned,
    Suspended,
    /// The author has deleted the account, which can still be restored.
    Deleted,
}

impl Standing {
    pub(super) const ALL: [Self; 12] = [
        Self::Stranger,
        Self::Follower,
        Self::StrangerToPrivate,
        Self::AskedPrivate,
        Self::FollowerOfPrivate,
        Self::Blocked,
        Self::Blocker,
        Self::MutingStranger,
        Self::MutingFollower,
        Self::ShadowBanned,
        Self::Suspended,
        Self::Deleted,
    ];

    /// Whether the viewer follows the author before anything comes between them.
    pub(super) fn begins_with_a_follow(self) -> bool {
        !matches!(
            self,
            Self::Stranger | Self::StrangerToPrivate | Self::AskedPrivate | Self::MutingStranger
        )
    }

    pub(super) fn lets_the_author_act(self) -> bool {
        !matches!(self, Self::Suspended | Self::Deleted)
    }

    pub(super) async fn come_about(self, stack: &Stack, viewer: &User, author: &User) {
        match self {
            Self::Stranger | Self::Follower => {}
            Self::StrangerToPrivate | Self::FollowerOfPrivate => author.make_private().await,
            Self::AskedPrivate => {
                author.make_private().await;
                assert_eq!(viewer.follow(author).await["requested"], true);
            }
            Self::Blocked => author.block(viewer).await,
            Self::Blocker => viewer.block(author).await,
            Self::MutingStranger | Self::MutingFollower => viewer.mute(author).await,
            Self::ShadowBanned => stack.shadow_ban(author).await,
            Self::Suspended => stack.suspend(author).await,
            Self::Deleted => {
                let password = json!({ "password": author.password });
                let leave = author.request(Method::DELETE, "/api/auth/me");
                author.send(leave.json(&password)).await.expect(202);
            }
        }
    }
}
