use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::OtherUserView;
use crate::{
    AuthError,
    accounts::{Accounts, UserRef},
};

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
    target: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let target = UserRef::parse(&target).ok_or(AuthError::UserNotFound)?;
    let user = accounts.visible_to(caller.user_id, target).await?;
    Ok(HttpResponse::Ok().json(OtherUserView::from(user)))
}
