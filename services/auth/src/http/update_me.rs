use actix_web::{HttpResponse, web::Data};
use domain::{NotificationSettings, PrivacySettings};
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, Caller, Object, ValidJson, actix_web};

use super::view::OwnUserView;
use crate::accounts::{Accounts, ProfileChange, SettingsChange};

/// Any subset. Values are checked in the use case.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Body {
    full_name: Option<String>,
    bio: Option<String>,
    #[serde(default, deserialize_with = "web::given")]
    avatar_url: Option<Option<String>>,
    username: Option<String>,
    is_private: Option<bool>,
    #[serde(default)]
    settings: Object<SettingsBody>,
}

/// Settings by group; a group that is given is given whole.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SettingsBody {
    privacy: Option<Object<PrivacyBody>>,
    notifications: Option<Object<NotificationsBody>>,
    limits: Option<Object<LimitsBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivacyBody {
    show_online: bool,
    allow_messages: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the app"
)]
struct NotificationsBody {
    likes: bool,
    comments: bool,
    follows: bool,
    mentions: bool,
    messages: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsBody {
    daily_minutes: Option<u32>,
}

impl From<Body> for ProfileChange {
    fn from(body: Body) -> Self {
        let SettingsBody {
            privacy,
            notifications,
            limits,
        } = body.settings.0;
        Self {
            full_name: body.full_name,
            bio: body.bio,
            avatar_url: body.avatar_url,
            username: body.username,
            is_private: body.is_private,
            settings: SettingsChange {
                privacy: privacy.map(|Object(privacy)| PrivacySettings {
                    show_online: privacy.show_online,
                    allow_messages: privacy.allow_messages,
                }),
                notifications: notifications.map(|Object(on)| NotificationSettings {
                    likes: on.likes,
                    comments: on.comments,
                    follows: on.follows,
                    mentions: on.mentions,
                    messages: on.messages,
                }),
                daily_minutes: limits.map(|Object(limits)| limits.daily_minutes),
            },
        }
    }
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    let user = accounts.change(caller.user_id, body.into()).await?;
    Ok(HttpResponse::Ok().json(OwnUserView::from(user)))
}
