//! The accounts behind posts and what stands between them, asked of auth,
//! their owner, and kept in Redis until it changes. Every read asks here who may
//! see what.

mod follows;
mod kept;
mod mentions;

use std::{collections::HashMap, time::Duration};

use cache::{Aside, Cache, CacheError, keys};
use contracts::{
    auth::v1::{
        GetKeysRequest, GetRelationsRequest, GetRelationsResponse, GetUsersRequest, RelatedUser,
        relations_service_client::RelationsServiceClient,
        sessions_service_client::SessionsServiceClient, users_service_client::UsersServiceClient,
    },
    kind_of,
    rpc::{Caller, CallerChannel},
};
use domain::{
    ErrorKind, Post, Role, UserId, UserStatus,
    visibility::{Author, Relation, Sight, Viewer, is_visible},
};
use futures_util::future::try_join_all;
use tonic::Status;

use kept::Kept;

use crate::{PostError, Settings};

/// Accounts that auth tells of in one call.
const ASKED: usize = 1_000;

/// The people that auth knows.
#[derive(Clone)]
pub(crate) struct People {
    sessions: SessionsServiceClient<CallerChannel>,
    relations: RelationsServiceClient<CallerChannel>,
    users: UsersServiceClient<CallerChannel>,
    /// For a whole stream: the deadline of its call ends with the first message.
    stream_deadline: Duration,
    cache: Cache,
    aside: Aside,
}

/// Somebody who looks, and accounts as they stand to them.
pub(crate) struct Sights {
    viewer: Viewer,
    people: HashMap<UserId, Person>,
}

/// An account as it stands to whoever looks.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    author: Author,
    relation: Relation,
    pub(crate) username: String,
    pub(crate) full_name: String,
    pub(crate) avatar_url: Option<String>,
    pub(crate) is_verified: bool,
}

impl People {
    /// Prepares the way to auth, which need not be up.
    pub(crate) fn connect(settings: &Settings, cache: &Cache) -> anyhow::Result<Self> {
        let credential = &settings.credential.service_credential;
        let channel = Caller::channel(&settings.auth_grpc_url, credential, settings.auth_timeout)?;
        Ok(Self {
            sessions: SessionsServiceClient::new(channel.clone()),
            relations: RelationsServiceClient::new(channel.clone()),
            users: UsersServiceClient::new(channel),
            stream_deadline: settings.auth_timeout * 2,
            cache: cache.clone(),
            aside: Aside::new(cache),
        })
    }

    /// The public keys of access tokens, as a JSON Web Key Set.
    pub(crate) async fn keys(&self) -> Result<String, Status> {
        let answer = self.sessions.clone().get_keys(GetKeysRequest {}).await?;
        Ok(answer.into_inner().jwks_json)
    }

    /// How many follow `id`, as auth counts them now; `None` if there is no such account.
    pub(crate) async fn followers_count(&self, id: UserId) -> Result<Option<i64>, PostError> {
        let request = GetUsersRequest {
            user_ids: vec![id.to_string()],
        };
        let answer = self.users.clone().get_users(request).await;
        let users = answer.map_err(refused)?.into_inner().users;
        Ok(users.first().map(|user| user.followers_count))
    }

    /// The accounts `ids` as `viewer` stands to them; accounts that do not
    /// exist are left out. Refuses a viewer whose account is not active.
    pub(crate) async fn related(
        &self,
        viewer_id: UserId,
        ids: &[UserId],
    ) -> Result<Sights, PostError> {
        let mut kept = Kept::read(&self.aside, viewer_id, ids).await;
        let missing = kept.missing();
        if !missing.is_empty() {
            let calls = missing.chunks(ASKED).map(|ids| self.ask(viewer_id, ids));
            let answers = try_join_all(calls).await?;
            kept.complete(&self.aside, answers).await;
        }
        let viewer = kept.viewer().ok_or_else(unreadable)?;
        if UserStatus::from(viewer.status()) != UserStatus::Active {
            return Err(PostError::AccountNotActive);
        }
        let viewer = Viewer {
            id: viewer_id,
            role: viewer.role().into(),
        };
        let people = kept.into_people().map(|related| {
            let person = Person::read(related)?;
            Ok((person.id(), person))
        });
        Ok(Sights {
            viewer,
            people: people.collect::<Result<_, PostError>>()?,
        })
    }

    async fn ask(
        &self,
        viewer_id: UserId,
        ids: &[UserId],
    ) -> Result<GetRelationsResponse, PostError> {
        let request = GetRelationsRequest {
            viewer_id: viewer_id.to_string(),
            user_ids: ids.iter().map(ToString::to_string).collect(),
        };
        let answer = self.relations.clone().get_relations(request).await;
        Ok(answer.map_err(refused)?.into_inner())
    }

    /// Forgets an account, which has changed.
    pub(crate) async fn forget_user(&self, id: UserId) -> Result<(), CacheError> {
        cache::forget(&self.cache, &[keys::user(id)]).await
    }

    /// Forgets what stands between two accounts, both ways: it has changed.
    pub(crate) async fn forget_relation(&self, a: UserId, b: UserId) -> Result<(), CacheError> {
        let both = [keys::relation(a, b), keys::relation(b, a)];
        cache::forget(&self.cache, &both).await
    }
}

impl Sights {
    /// Whoever looks.
    pub(crate) fn viewer(&self) -> UserId {
        self.viewer.id
    }

    /// `author`, if the viewer may have this sight of them.
    pub(crate) fn of(&self, author: UserId, sight: Sight) -> Option<&Person> {
        let person = self.people.get(&author)?;
        is_visible(&self.viewer, &person.author, &person.relation, sight).then_some(person)
    }

    /// Whether somebody to whom its author is nothing may discover `post`.
    pub(crate) fn is_discoverable(&self, post: &Post) -> bool {
        let nobody = Viewer {
            id: UserId::generate(),
            role: Role::User,
        };
        let sight = Sight::Discovery {
            is_deleted: post.deleted_at.is_some(),
        };
        let author = self.people.get(&post.user_id);
        author.is_some_and(|it| is_visible(&nobody, &it.author, &Relation::default(), sight))
    }

    /// Everybody of whom the viewer may have this sight.
    pub(crate) fn everybody(&self, sight: Sight) -> Vec<UserId> {
        let ids = self.people.keys().copied();
        ids.filter(|id| self.of(*id, sight).is_some()).collect()
    }
}

impl Person {
    pub(crate) fn id(&self) -> UserId {
        self.author.id
    }

    /// Whether whoever looks blocks them.
    pub(crate) fn is_blocked(&self) -> bool {
        self.relation.blocking
    }

    fn read(related: RelatedUser) -> Result<Self, PostError> {
        let user = related.user.ok_or_else(unreadable)?;
        let author = user.as_author().map_err(|_invalid| unreadable())?;
        Ok(Self {
            author,
            relation: related.relation.map(Relation::from).unwrap_or_default(),
            username: user.username,
            full_name: user.full_name,
            avatar_url: user.avatar_url,
            is_verified: user.is_verified,
        })
    }
}

/// An account that is unknown to auth has no more rights than one that is not active.
fn refused(status: Status) -> PostError {
    match kind_of(&status) {
        ErrorKind::NotFound => PostError::AccountNotActive,
        _ => PostError::Auth(Box::new(status)),
    }
}

fn unreadable() -> PostError {
    refused(Status::internal("an answer that cannot be read"))
}

#[cfg(test)]
mod tests;
