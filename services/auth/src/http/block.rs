use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use domain::BlockKind;
use web::{ApiError, Caller, actix_web};

use crate::{AuthError, accounts::UserRef, blocking::Blocking};

pub(crate) async fn handle(
    blocking: Data<Blocking>,
    caller: Caller,
    target: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let target = UserRef::parse(&target).ok_or(AuthError::UserNotFound)?;
    let act = blocking.hold(caller.user_id, target, BlockKind::Block);
    act.await?;
    Ok(HttpResponse::NoContent().finish())
}
