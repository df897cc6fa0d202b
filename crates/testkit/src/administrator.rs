use contracts::{
    auth::v1::{CreateAdminRequest, operator_service_client::OperatorServiceClient},
    rpc::Caller,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{Client, User, deployment::ENDING, user::registration};

/// Somebody with every right, made as an operator makes one.
pub struct Administrator(User);

impl Administrator {
    /// Makes one by the gRPC API of auth at `auth_grpc_url`, and logs in at `door`.
    pub async fn create(auth_grpc_url: &str, credential: &SecretString, door: &Client) -> Self {
        let body = registration("admin");
        let text = |field: &str| body[field].as_str().expect("a text").to_owned();
        let request = CreateAdminRequest {
            email: text("email"),
            username: text("username"),
            password: text("password"),
            full_name: text("full_name"),
        };
        let channel = Caller::channel(auth_grpc_url, credential, ENDING).expect("a channel");
        let created = OperatorServiceClient::new(channel)
            .create_admin(request)
            .await;
        created.expect("an administrator");
        Self(User::log_in(door, &body).await)
    }

    /// Nobody but `user` sees `user` from now on, and `user` is not told.
    pub async fn shadow_ban(&self, user: &User) {
        self.change(user, json!({ "isShadowBanned": true })).await;
    }

    /// The others see `user` again.
    pub async fn lift_shadow_ban(&self, user: &User) {
        self.change(user, json!({ "isShadowBanned": false })).await;
    }

    /// `user` is gone until further notice, and logged out everywhere.
    pub async fn suspend(&self, user: &User) {
        self.change(user, json!({ "status": "suspended" })).await;
    }

    /// `user` is back, and may log in again.
    pub async fn reinstate(&self, user: &User) {
        self.change(user, json!({ "status": "active" })).await;
    }

    /// `user` sees and does what moderators do.
    pub async fn make_moderator(&self, user: &User) {
        self.change(user, json!({ "role": "moderator" })).await;
    }

    /// `user` has every right, too.
    pub async fn make_admin(&self, user: &User) {
        self.change(user, json!({ "role": "admin" })).await;
    }

    /// Changes the account of `user`; as moderators see it then.
    pub async fn change(&self, user: &User, change: Value) -> Value {
        let path = format!("/api/admin/users/{}", user.id);
        self.patch(&path, &change).await.expect(200)
    }
}

impl std::ops::Deref for Administrator {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}
