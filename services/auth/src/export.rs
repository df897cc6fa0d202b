//! Everything that is known about somebody, for them to take away.

use std::collections::HashMap;

use contracts::posts::v1::ExportAccountResponse;
use domain::{
    Block, BlockKind, FollowStatus, Id, Report, ReportId, Session, SessionId, Timestamp, User,
    UserId, visibility::Sight,
};
use futures_util::{FutureExt, Stream, stream};
use store::{Operation, StoreError};

use crate::{
    AuthError,
    accounts::Accounts,
    follow_lists::Position,
    mongo::{EdgeRange, FollowList},
    posts::PostsExport,
    relations::viewer,
};

/// What is read at a time.
const PAGE: usize = 200;

/// A piece of an export. The pieces of one kind follow each other.
pub(crate) enum Part {
    Account(Box<User>),
    Sessions(Vec<Session>),
    People {
        list: PeopleList,
        people: Vec<Person>,
    },
    Reports(Vec<Report>),
    /// What posts tells.
    Posts(ExportAccountResponse),
}

/// Other accounts that somebody has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeopleList {
    Follows(FollowList, FollowStatus),
    Held(BlockKind),
}

/// One of them, and since when.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) since: Timestamp,
}

/// Where an export goes on.
#[derive(Clone, Copy, Debug)]
enum Step {
    Account,
    Sessions(Option<(Timestamp, SessionId)>),
    Follows(FollowList, FollowStatus, Option<Position>),
    Held(BlockKind, Option<Id<Block>>),
    Reports(Option<(Timestamp, ReportId)>),
    Posts,
}

/// An export that has begun: posts answers.
pub(crate) struct Export {
    accounts: Accounts,
    user: User,
    step: Step,
    posts: PostsExport,
}

impl Accounts {
    /// Begins an export of the caller's account.
    pub(crate) async fn export(&self, user_id: UserId) -> Result<Export, AuthError> {
        let user = self.own(user_id).await?;
        let posts = self.posts.export(user_id).await?;
        Ok(Export {
            accounts: self.clone(),
            user,
            step: Step::Account,
            posts,
        })
    }
}

impl Export {
    /// Its parts, each read when the one before is away.
    pub(crate) fn parts(self) -> impl Stream<Item = Result<Part, AuthError>> {
        stream::try_unfold(self, async |mut export| {
            let part = export.next().await?;
            Ok(part.map(|part| (part, export)))
        })
    }

    async fn next(&mut self) -> Result<Option<Part>, AuthError> {
        let (part, next) = match self.step {
            Step::Account => {
                let account = Part::Account(Box::new(self.user.clone()));
                (account, Step::Sessions(None))
            }
            Step::Sessions(after) => self.sessions(after).await?,
            Step::Follows(list, status, after) => self.follows(list, status, after).await?,
            Step::Held(kind, after) => self.held(kind, after).await?,
            Step::Reports(after) => self.reports(after).await?,
            Step::Posts => return Ok(self.posts.next().await?.map(Part::Posts)),
        };
        self.step = next;
        Ok(Some(part))
    }

    async fn sessions(
        &self,
        after: Option<(Timestamp, SessionId)>,
    ) -> Result<(Part, Step), AuthError> {
        let (store, now) = (&self.accounts.sessions.store, self.accounts.clock.now());
        let sessions = store.alive(self.user.id, after, now, PAGE).await?;
        let last = sessions.last().map(|it| (it.created_at, it.id));
        let next = match last {
            Some(last) if sessions.len() == PAGE => Step::Sessions(Some(last)),
            _ => Step::Follows(FollowList::Followers, FollowStatus::Accepted, None),
        };
        Ok((Part::Sessions(sessions), next))
    }

    /// Those of a list whom the account may see.
    async fn follows(
        &self,
        list: FollowList,
        status: FollowStatus,
        after: Option<Position>,
    ) -> Result<(Part, Step), AuthError> {
        let range = EdgeRange::oldest(list, self.user.id, status, after, PAGE);
        let (relations, user_id) = (self.accounts.relations.clone(), self.user.id);
        let viewer = viewer(Some(self.user.clone()))?;
        let read =
            self.accounts
                .relations
                .store
                .snapshot(operation("export_follows"), move |session| {
                    let relations = relations.clone();
                    async move { relations.members(session, user_id, range).await }.boxed()
                });
        let members = read.await?;
        let seen = members.related.into_iter();
        let seen = seen.filter(|(_, related)| related.is_visible_to(&viewer, Sight::Listing));
        let people = seen.map(|(edge, related)| Person {
            id: related.user.id,
            username: related.user.username,
            since: edge.created_at,
        });
        let part = Part::People {
            list: PeopleList::Follows(list, status),
            people: people.collect(),
        };
        let next = match (members.last, list, status) {
            (Some(edge), ..) if !members.is_end => Step::Follows(list, status, Some(edge)),
            (_, FollowList::Followers, status) => {
                Step::Follows(FollowList::Following, status, None)
            }
            (_, FollowList::Following, FollowStatus::Accepted) => {
                Step::Follows(FollowList::Followers, FollowStatus::Pending, None)
            }
            (_, FollowList::Following, FollowStatus::Pending) => Step::Held(BlockKind::Block, None),
        };
        Ok((part, next))
    }

    /// Whom the account blocks or mutes, whatever they are by now.
    async fn held(
        &self,
        kind: BlockKind,
        after: Option<Id<Block>>,
    ) -> Result<(Part, Step), AuthError> {
        let (relations, user_id) = (self.accounts.relations.clone(), self.user.id);
        let read =
            self.accounts
                .relations
                .store
                .snapshot(operation("export_blocks"), move |session| {
                    let relations = relations.clone();
                    async move {
                        let blocks = &relations.blocks;
                        blocks.page(session, user_id, kind, after, PAGE).await
                    }
                    .boxed()
                });
        let blocks: Vec<Block> = read.await?;
        let names = self.names(blocks.iter().map(|it| it.blocked_id)).await?;
        let people = blocks.iter().filter_map(|block| {
            Some(Person {
                id: block.blocked_id,
                username: names.get(&block.blocked_id)?.clone(),
                since: block.created_at,
            })
        });
        let part = Part::People {
            list: PeopleList::Held(kind),
            people: people.collect(),
        };
        let last = blocks.last().map(|block| block.id);
        let next = match (last, kind) {
            (Some(last), _) if blocks.len() == PAGE => Step::Held(kind, Some(last)),
            (_, BlockKind::Block) => Step::Held(BlockKind::Mute, None),
            (_, BlockKind::Mute) => Step::Reports(None),
        };
        Ok((part, next))
    }

    async fn names(
        &self,
        ids: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, String>, StoreError> {
        let users = &self.accounts.relations.users;
        let users = users.find_many(&ids.collect::<Vec<_>>()).await?;
        Ok(users.into_iter().map(|it| (it.id, it.username)).collect())
    }

    async fn reports(
        &self,
        after: Option<(Timestamp, ReportId)>,
    ) -> Result<(Part, Step), AuthError> {
        let reports = &self.accounts.reports;
        let reports = reports.made_by(self.user.id, after, PAGE).await?;
        let last = reports.last().map(|it| (it.created_at, it.id));
        let next = match last {
            Some(last) if reports.len() == PAGE => Step::Reports(Some(last)),
            _ => Step::Posts,
        };
        Ok((Part::Reports(reports), next))
    }
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}
