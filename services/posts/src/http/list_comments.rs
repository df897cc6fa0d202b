use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use domain::CommentId;
use serde::Deserialize;
use web::{ApiError, Caller, Faults, ListView, Paging, Parameters, actix_web};

use super::view::{CommentView, post_id};
use crate::{PostError, mongo::CommentPosition, posts::Posts};

#[derive(Deserialize)]
pub(crate) struct Query {
    parent_id: Option<String>,
}

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
    Parameters(query): Parameters<Query>,
    paging: Paging<CommentPosition>,
) -> Result<HttpResponse, ApiError> {
    let (id, parent_id) = (post_id(&id)?, parent_id(query.parent_id.as_deref())?);
    let page = posts.comments(caller.user_id, id, parent_id, &paging);
    let page = page.await?;
    let comments: Vec<_> = page.comments.into_iter().map(CommentView::from).collect();
    Ok(HttpResponse::Ok().json(ListView::new(comments, &paging, page.next.as_ref())))
}

/// What is replied to, if anything is.
pub(crate) fn parent_id(text: Option<&str>) -> Result<Option<CommentId>, PostError> {
    let id = text.map(str::parse).transpose();
    id.map_err(|_invalid| {
        let mut faults = Faults::default();
        faults.add("parent_id", "must be the id of a comment");
        faults.into()
    })
}
