//! The accounts behind posts and what stands between them, asked of auth,
//! their owner. Every read asks here who may see what.

use std::{collections::HashMap, time::Duration};

use contracts::{
    auth::v1::{
        GetKeysRequest, GetRelationsRequest, RelatedUser, StreamFolloweesRequest,
        relations_service_client::RelationsServiceClient,
        sessions_service_client::SessionsServiceClient,
    },
    kind_of,
    rpc::{Caller, CallerChannel},
};
use domain::{
    ErrorKind, UserId, UserStatus,
    visibility::{Author, Relation, Sight, Viewer, is_visible},
};
use tokio::time::timeout;
use tonic::Status;

use crate::{PostError, Settings};

/// The people that auth knows.
#[derive(Clone)]
pub(crate) struct People {
    sessions: SessionsServiceClient<CallerChannel>,
    relations: RelationsServiceClient<CallerChannel>,
    /// For a whole stream: the deadline of its call ends with the first message.
    stream_deadline: Duration,
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
    pub(crate) fn connect(settings: &Settings) -> anyhow::Result<Self> {
        let credential = &settings.credential.service_credential;
        let channel = Caller::channel(&settings.auth_grpc_url, credential, settings.auth_timeout)?;
        Ok(Self {
            sessions: SessionsServiceClient::new(channel.clone()),
            relations: RelationsServiceClient::new(channel),
            stream_deadline: settings.auth_timeout * 2,
        })
    }

    /// The public keys of access tokens, as a JSON Web Key Set.
    pub(crate) async fn keys(&self) -> Result<String, Status> {
        let answer = self.sessions.clone().get_keys(GetKeysRequest {}).await?;
        Ok(answer.into_inner().jwks_json)
    }

    /// The accounts `ids`, at most 1,000, as `viewer` stands to them; accounts
    /// that do not exist are left out. Refuses a viewer whose account is not active.
    pub(crate) async fn related(
        &self,
        viewer_id: UserId,
        ids: &[UserId],
    ) -> Result<Sights, PostError> {
        let request = GetRelationsRequest {
            viewer_id: viewer_id.to_string(),
            user_ids: ids.iter().map(ToString::to_string).collect(),
        };
        let answer = self.relations.clone().get_relations(request).await;
        let answer = answer.map_err(refused)?.into_inner();
        let viewer = answer.viewer.ok_or_else(unreadable)?;
        if UserStatus::from(viewer.status()) != UserStatus::Active {
            return Err(PostError::AccountNotActive);
        }
        let people = answer.users.into_iter().map(Person::read);
        Ok(Sights {
            viewer: viewer.as_viewer(viewer_id),
            people: people.collect::<Result<_, _>>()?,
        })
    }

    /// `viewer` and everybody whom they follow.
    pub(crate) async fn followees(&self, viewer_id: UserId) -> Result<Sights, PostError> {
        let own = [viewer_id];
        let (mut sights, followees) = tokio::try_join!(
            self.related(viewer_id, &own),
            self.stream_followees(viewer_id)
        )?;
        sights.people.extend(followees);
        Ok(sights)
    }

    async fn stream_followees(
        &self,
        viewer_id: UserId,
    ) -> Result<HashMap<UserId, Person>, PostError> {
        let request = StreamFolloweesRequest {
            user_id: viewer_id.to_string(),
        };
        let mut relations = self.relations.clone();
        let collect = async {
            let mut people = HashMap::new();
            let answer = relations.stream_followees(request).await;
            let mut chunks = answer.map_err(refused)?.into_inner();
            while let Some(chunk) = chunks.message().await.map_err(refused)? {
                for user in chunk.users {
                    let (id, person) = Person::read(user)?;
                    people.insert(id, person);
                }
            }
            Ok(people)
        };
        let collected = timeout(self.stream_deadline, collect).await;
        collected.unwrap_or_else(|_elapsed| {
            Err(refused(Status::deadline_exceeded(
                "followees took too long",
            )))
        })
    }
}

impl Sights {
    /// `author`, if the viewer may have this sight of them.
    pub(crate) fn of(&self, author: UserId, sight: Sight) -> Option<&Person> {
        let person = self.people.get(&author)?;
        is_visible(&self.viewer, &person.author, &person.relation, sight).then_some(person)
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

    fn read(related: RelatedUser) -> Result<(UserId, Self), PostError> {
        let user = related.user.ok_or_else(unreadable)?;
        let author = user.as_author().map_err(|_invalid| unreadable())?;
        let person = Self {
            author,
            relation: related.relation.map(Relation::from).unwrap_or_default(),
            username: user.username,
            full_name: user.full_name,
            avatar_url: user.avatar_url,
            is_verified: user.is_verified,
        };
        Ok((author.id, person))
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
mod tests {
    use std::time::Instant;

    use clap::Parser;
    use tokio::net::TcpListener;
    use web::Failure;

    use super::*;
    use crate::Command;

    #[tokio::test]
    async fn who_hangs_is_not_waited_for() {
        // Connections are taken by the system, and nobody answers.
        let auth = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("--auth-grpc-url=http://{}", auth.local_addr().unwrap());
        let command = Command::try_parse_from([
            "posts",
            "serve",
            "--auth-timeout=100ms",
            &url,
            "--mongodb-uri=mongodb://unused",
            "--redis-url=redis://unused",
            "--amqp-url=amqp://unused",
            "--service-credential=0123456789abcdef0123456789abcdef",
        ]);
        let Command::Serve(settings) = command.unwrap() else {
            panic!("not what was asked for");
        };
        let people = People::connect(&settings).unwrap();
        let began = Instant::now();
        let viewer = UserId::generate();
        for refused in [
            people.related(viewer, &[]).await,
            people.followees(viewer).await,
        ] {
            let Err(error) = refused else {
                panic!("nobody can have answered");
            };
            assert_eq!(error.code(), "unavailable");
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
