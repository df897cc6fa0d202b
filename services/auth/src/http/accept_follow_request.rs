use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::relation_view::AnsweredView;
use crate::{
    AuthError,
    accounts::UserRef,
    follow_requests::{Answer, FollowRequests},
};

pub(crate) async fn handle(
    requests: Data<FollowRequests>,
    caller: Caller,
    asker: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let asker = UserRef::parse(&asker).ok_or(AuthError::FollowRequestNotFound)?;
    let answered = requests.answer(caller.user_id, asker, Answer::Accept);
    let followed_by = answered.await?;
    Ok(HttpResponse::Ok().json(AnsweredView { followed_by }))
}
