use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use domain::{Role, Standing, UserStatus, check_remark};
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, Caller, Faults, ValidJson, actix_web};

use super::moderation_view::ModeratedUserView;
use crate::{accounts::UserRef, moderation::Moderation};

/// Any subset, and why.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    #[serde(rename = "isShadowBanned")]
    is_shadow_banned: Option<bool>,
    is_verified: Option<bool>,
    status: Option<Status>,
    role: Option<Role>,
    reason: Option<String>,
}

/// What moderators make of an account. Only its owner deletes it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Active,
    Suspended,
}

impl From<Status> for UserStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Suspended => Self::Suspended,
        }
    }
}

pub(crate) async fn handle(
    moderation: Data<Moderation>,
    caller: Caller,
    target: Path<String>,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let mut faults = Faults::default();
    let reason = body.reason.unwrap_or_default();
    let Some(reason) = faults.note("reason", check_remark(&reason)) else {
        return Err(ApiError::validation(faults.0));
    };
    let wanted = Standing {
        is_shadow_banned: body.is_shadow_banned,
        is_verified: body.is_verified,
        status: body.status.map(Into::into),
        role: body.role,
    };
    let reason = Some(reason).filter(|reason| !reason.is_empty());
    let target = UserRef::parse(&target);
    let user = moderation.change(caller.user_id, target, wanted, reason);
    Ok(HttpResponse::Ok().json(ModeratedUserView::from(user.await?)))
}
