use contracts::{
    auth::v1::{CreateAdminRequest, CreateAdminResponse, operator_service_server::OperatorService},
    status,
};
use domain::ErrorKind;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    AuthError,
    administrators::{Administrator, Administrators},
};

pub(crate) struct OperatorApi {
    pub(crate) administrators: Administrators,
}

#[tonic::async_trait]
impl OperatorService for OperatorApi {
    async fn create_admin(
        &self,
        request: Request<CreateAdminRequest>,
    ) -> Result<Response<CreateAdminResponse>, Status> {
        let request = request.into_inner();
        let administrator = Administrator {
            email: request.email,
            username: request.username,
            password: request.password.into(),
            full_name: request.full_name,
        };
        let created = self.administrators.create(administrator).await;
        let created = created.map_err(explain)?;
        Ok(Response::new(CreateAdminResponse {
            user_id: created.user_id.to_string(),
            is_new: created.is_new,
        }))
    }
}

/// As other failures, but a person reads it, who wants to know which fields
/// are wrong.
fn explain(error: AuthError) -> Status {
    let AuthError::InvalidFields(fields) = &error else {
        return refuse(error);
    };
    let faults = fields
        .iter()
        .map(|it| format!("{} {}", it.field, it.message));
    let faults: Vec<String> = faults.collect();
    status(ErrorKind::Invalid, faults.join("; "))
}
