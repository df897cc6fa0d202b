use crate::{Stack, User};

/// What people cannot do themselves yet; see [`crate::Deployment`].
impl Stack {
    /// Only those whom `user` has accepted see what `user` posts from now on.
    pub async fn make_private(&self, user: &User) {
        self.deployment.make_private(user).await;
    }

    /// Nobody but `user` sees `user` from now on, and `user` is not told.
    pub async fn shadow_ban(&self, user: &User) {
        self.deployment.shadow_ban(user).await;
    }

    /// The others see `user` again.
    pub async fn lift_shadow_ban(&self, user: &User) {
        self.deployment.lift_shadow_ban(user).await;
    }

    /// `user` is gone until further notice.
    pub async fn suspend(&self, user: &User) {
        self.deployment.suspend(user).await;
    }

    /// `user` sees what moderators see.
    pub async fn make_moderator(&self, user: &User) {
        self.deployment.make_moderator(user).await;
    }

    /// `user` blocks `other`. Follows that there are stay.
    pub async fn block(&self, user: &User, other: &User) {
        self.deployment.block(user, other).await;
    }

    /// `user` mutes `other`.
    pub async fn mute(&self, user: &User, other: &User) {
        self.deployment.mute(user, other).await;
    }
}
