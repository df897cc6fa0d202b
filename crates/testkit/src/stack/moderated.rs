use crate::{Administrator, Stack, User};

/// What an administrator does; see [`Administrator`].
impl Stack {
    /// The administrator of this stack, made at the first call.
    pub async fn administrator(&self) -> &Administrator {
        let create = || async {
            let (url, door) = (self.auth_grpc_url(), self.insider());
            Administrator::create(&url, self.credential(), &door).await
        };
        self.administrator.get_or_init(create).await
    }

    /// Nobody but `user` sees `user` from now on, and `user` is not told.
    pub async fn shadow_ban(&self, user: &User) {
        self.administrator().await.shadow_ban(user).await;
    }

    /// The others see `user` again.
    pub async fn lift_shadow_ban(&self, user: &User) {
        self.administrator().await.lift_shadow_ban(user).await;
    }

    /// `user` is gone until further notice, and logged out everywhere.
    pub async fn suspend(&self, user: &User) {
        self.administrator().await.suspend(user).await;
    }

    /// `user` sees and does what moderators do.
    pub async fn make_moderator(&self, user: &User) {
        self.administrator().await.make_moderator(user).await;
    }
}
