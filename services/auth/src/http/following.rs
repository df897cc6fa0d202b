use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::view::OtherUserView;
use crate::{
    AuthError,
    accounts::UserRef,
    follow_lists::{FollowLists, Position},
    mongo::FollowList,
};

pub(crate) async fn handle(
    lists: Data<FollowLists>,
    caller: Caller,
    target: Path<String>,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let target = UserRef::parse(&target).ok_or(AuthError::UserNotFound)?;
    let list = FollowList::Following;
    let page = lists.page(caller.user_id, list, target, &paging).await?;
    let users: Vec<_> = page.users.into_iter().map(OtherUserView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(users, &paging, page.next.as_ref())))
}
