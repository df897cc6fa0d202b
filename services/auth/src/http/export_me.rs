use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, ContentType},
    web::{Bytes, Data},
};
use domain::{
    BlockKind, FollowStatus, Report, ReportReason, Session, Timestamp, User, UserId, UserSettings,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use web::{ApiError, Caller, actix_web};

use crate::{
    AuthError,
    accounts::Accounts,
    device_names::device_name,
    export::{Part, PeopleList, Person},
    mongo::FollowList,
};

/// The account as its owner takes it away: everything but the password.
#[derive(Serialize)]
struct AccountView<'a> {
    #[serde(rename = "_id")]
    id: UserId,
    username: &'a str,
    email: Option<&'a str>,
    email_verified_at: Option<Timestamp>,
    full_name: &'a str,
    bio: &'a str,
    avatar_url: Option<&'a str>,
    dob: Option<String>,
    is_private: bool,
    is_verified: bool,
    followers_count: i64,
    following_count: i64,
    posts_count: i64,
    created_at: Timestamp,
    last_login_at: Option<Timestamp>,
    settings: &'a UserSettings,
}

#[derive(Serialize)]
struct SessionView<'a> {
    device: String,
    user_agent: Option<&'a str>,
    ip: Option<&'a str>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
}

#[derive(Serialize)]
struct PersonView<'a> {
    #[serde(rename = "_id")]
    id: UserId,
    username: &'a str,
    since: Timestamp,
}

#[derive(Serialize)]
struct ReportView<'a> {
    reason: ReportReason,
    details: &'a str,
    created_at: Timestamp,
}

impl<'a> From<&'a User> for AccountView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            username: &user.username,
            email: user.email.as_deref(),
            email_verified_at: user.email_verified_at,
            full_name: &user.full_name,
            bio: &user.bio,
            avatar_url: user.avatar_url.as_deref(),
            dob: user.dob.map(|dob| dob.date().to_string()),
            is_private: user.is_private,
            is_verified: user.is_verified,
            followers_count: user.followers_count,
            following_count: user.following_count,
            posts_count: user.posts_count,
            created_at: user.created_at(),
            last_login_at: user.last_login_at,
            settings: &user.settings,
        }
    }
}

impl<'a> From<&'a Session> for SessionView<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            device: device_name(session.user_agent.as_deref()),
            user_agent: session.user_agent.as_deref(),
            ip: session.ip.as_deref(),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
        }
    }
}

impl<'a> From<&'a Person> for PersonView<'a> {
    fn from(person: &'a Person) -> Self {
        Self {
            id: person.id,
            username: &person.username,
            since: person.since,
        }
    }
}

impl<'a> From<&'a Report> for ReportView<'a> {
    fn from(report: &'a Report) -> Self {
        Self {
            reason: report.reason,
            details: &report.details,
            created_at: report.created_at,
        }
    }
}

/// The JSON object that is being written: one list after the other.
#[derive(Default)]
struct Writer {
    list: Option<String>,
    has_items: bool,
}

impl Writer {
    /// A part as it goes on from the one before.
    fn write(&mut self, part: &Part) -> Result<String, serde_json::Error> {
        match part {
            Part::Account(user) => {
                let account = serde_json::to_string(&AccountView::from(user.as_ref()))?;
                Ok(format!(r#"{{"account":{account}"#))
            }
            Part::Sessions(sessions) => {
                self.views::<SessionView<'_>, _>("sessions", sessions.iter())
            }
            Part::People { list, people } => {
                self.views::<PersonView<'_>, _>(name(*list), people.iter())
            }
            Part::Reports(reports) => self.views::<ReportView<'_>, _>("reports", reports.iter()),
            Part::Posts(some) => {
                let mut text = self.go_to(&some.section)?;
                some.items.iter().for_each(|item| self.add(&mut text, item));
                Ok(text)
            }
        }
    }

    fn views<V, T>(
        &mut self,
        list: &str,
        items: impl Iterator<Item = T>,
    ) -> Result<String, serde_json::Error>
    where
        V: From<T> + Serialize,
    {
        let mut text = self.go_to(list)?;
        for item in items {
            let item = serde_json::to_string(&V::from(item))?;
            self.add(&mut text, &item);
        }
        Ok(text)
    }

    /// Ends the list before and begins another, if it is another.
    fn go_to(&mut self, list: &str) -> Result<String, serde_json::Error> {
        if self.list.as_deref() == Some(list) {
            return Ok(String::new());
        }
        let end = if self.list.is_some() { "]" } else { "" };
        self.list = Some(list.to_owned());
        self.has_items = false;
        Ok(format!("{end},{}:[", serde_json::to_string(list)?))
    }

    fn add(&mut self, text: &mut String, item: &str) {
        if std::mem::replace(&mut self.has_items, true) {
            text.push(',');
        }
        text.push_str(item);
    }
}

const fn name(list: PeopleList) -> &'static str {
    match list {
        PeopleList::Follows(FollowList::Followers, FollowStatus::Accepted) => "followers",
        PeopleList::Follows(FollowList::Following, FollowStatus::Accepted) => "following",
        PeopleList::Follows(FollowList::Followers, FollowStatus::Pending) => "follow_requests",
        PeopleList::Follows(FollowList::Following, FollowStatus::Pending) => "requested",
        PeopleList::Held(BlockKind::Block) => "blocks",
        PeopleList::Held(BlockKind::Mute) => "mutes",
    }
}

pub(crate) async fn handle(
    accounts: Data<Accounts>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let export = accounts.export(caller.user_id).await?;
    let mut writer = Writer::default();
    let parts = export.parts().map(move |part| {
        let text = part.and_then(|part| Ok(writer.write(&part)?));
        // The head is away: all that is left is to end the connection.
        text.inspect_err(|error| tracing::warn!(%error, "export broken off"))
    });
    let end = stream::once(async { Ok::<_, AuthError>("]}".to_owned()) });
    let body = parts.chain(end).map_ok(Bytes::from);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header((CONTENT_DISPOSITION, r#"attachment; filename="anufy.json""#))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(body))
}
