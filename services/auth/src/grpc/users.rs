use contracts::{
    auth::v1::{GetUsersRequest, GetUsersResponse, User, users_service_server::UsersService},
    status,
};
use domain::{ErrorKind, UserId};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::mongo::Users;

/// Most ids in one call.
const IDS_MAX: usize = 1_000;

pub(crate) struct UsersApi {
    pub(crate) users: Users,
}

#[tonic::async_trait]
impl UsersService for UsersApi {
    async fn get_users(
        &self,
        request: Request<GetUsersRequest>,
    ) -> Result<Response<GetUsersResponse>, Status> {
        let ids = request.into_inner().user_ids;
        if ids.len() > IDS_MAX {
            let message = format!("at most {IDS_MAX} ids");
            return Err(status(ErrorKind::Invalid, message));
        }
        let ids: Vec<UserId> = ids
            .iter()
            .map(|id| id.parse())
            .collect::<Result<_, _>>()
            .map_err(|error: domain::InvalidId| status(ErrorKind::Invalid, error.to_string()))?;
        let users = self
            .users
            .find_many(&ids)
            .await
            .map_err(|error| refuse(error.into()))?;
        let users = users.iter().map(User::from).collect();
        Ok(Response::new(GetUsersResponse { users }))
    }
}
