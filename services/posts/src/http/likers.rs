use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::view::{LikerView, post_id};
use crate::{mongo::LikerPosition, posts::Posts};

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
    paging: Paging<LikerPosition>,
) -> Result<HttpResponse, ApiError> {
    let id = post_id(&id)?;
    let page = posts.likers(caller.user_id, id, &paging).await?;
    let people: Vec<_> = page.people.into_iter().map(LikerView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(people, &paging, page.next.as_ref())))
}
