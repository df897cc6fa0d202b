use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use domain::Reaction;
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, Caller, Faults, OptionalJson, actix_web};

use super::view::{LikeView, post_id};
use crate::{PostError, posts::Posts};

/// Whoever says nothing likes it with a heart.
#[derive(Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    reaction: Option<String>,
}

impl Body {
    pub(super) fn reaction(&self) -> Result<Reaction, PostError> {
        let Some(text) = &self.reaction else {
            return Ok(Reaction::default());
        };
        let mut faults = Faults::default();
        let reaction = faults.note("reaction", Reaction::parse(text));
        reaction.ok_or_else(|| faults.into())
    }
}

pub(crate) async fn handle(
    posts: Data<Posts>,
    caller: Caller,
    id: Path<String>,
    OptionalJson(body): OptionalJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let (post_id, reaction) = (post_id(&id)?, body.reaction()?);
    let reaction = Some(reaction);
    let set = posts.set_like(caller.user_id, post_id, reaction.clone());
    Ok(HttpResponse::Ok().json(LikeView {
        likes_count: set.await?,
        post_id,
        is_liked: true,
        reaction,
    }))
}
