use actix_web::{HttpResponse, web::Data};
use domain::BlockKind;
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::relation_view::MuteView;
use crate::block_lists::{BlockLists, Position};

pub(crate) async fn handle(
    lists: Data<BlockLists>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = lists.page(caller.user_id, BlockKind::Mute, &paging);
    let (held, next) = page.await?;
    let views: Vec<_> = held.into_iter().map(MuteView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(views, &paging, next.as_ref())))
}
