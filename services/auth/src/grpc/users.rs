use contracts::{
    auth::v1::{GetUsersRequest, GetUsersResponse, User, users_service_server::UsersService},
    rpc::parse_ids,
};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::mongo::Users;

pub(crate) struct UsersApi {
    pub(crate) users: Users,
}

#[tonic::async_trait]
impl UsersService for UsersApi {
    async fn get_users(
        &self,
        request: Request<GetUsersRequest>,
    ) -> Result<Response<GetUsersResponse>, Status> {
        let ids = parse_ids(&request.into_inner().user_ids)?;
        let users = self.users.find_many(&ids).await.map_err(refuse)?;
        let users = users.iter().map(User::from).collect();
        Ok(Response::new(GetUsersResponse { users }))
    }
}
