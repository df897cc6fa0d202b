use actix_web::{HttpResponse, web::Data};
use domain::BlockKind;
use web::{ApiError, Caller, ListView, Paging, actix_web};

use super::relation_view::BlockView;
use crate::block_lists::{BlockLists, Position};

pub(crate) async fn handle(
    lists: Data<BlockLists>,
    caller: Caller,
    paging: Paging<Position>,
) -> Result<HttpResponse, ApiError> {
    let page = lists.page(caller.user_id, BlockKind::Block, &paging);
    let (held, next) = page.await?;
    let views: Vec<_> = held.into_iter().map(BlockView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(views, &paging, next.as_ref())))
}
