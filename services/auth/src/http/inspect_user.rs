use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, actix_web};

use super::moderation_view::ModeratedUserView;
use crate::{accounts::UserRef, moderation::Moderation};

pub(crate) async fn handle(
    moderation: Data<Moderation>,
    caller: Caller,
    target: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let target = UserRef::parse(&target);
    let user = moderation.inspect(caller.user_id, target).await?;
    Ok(HttpResponse::Ok().json(ModeratedUserView::from(user)))
}
