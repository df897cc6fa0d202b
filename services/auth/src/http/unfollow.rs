use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::view::StandingView;
use crate::{AuthError, accounts::UserRef, follows::FollowGraph};

pub(crate) async fn handle(
    graph: Data<FollowGraph>,
    caller: Caller,
    target: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let target = UserRef::parse(&target).ok_or(AuthError::UserNotFound)?;
    let standing = graph.unfollow(caller.user_id, target).await?;
    Ok(HttpResponse::Ok().json(StandingView::from(standing)))
}
