//! The moderation queue: cases of reports, and what is decided about them.

use std::{collections::HashMap, sync::Arc};

use bus::event_row;
use contracts::events::v1::{ContentRemoved, ContentType, event::Fact};
use domain::{
    Act, CaseAction, CaseStatus, Report, ReportCase, ReportId, Resolution, Standing, TargetType,
    User, UserId, UserStatus,
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::Clock;
use store::Operation;
use web::{FieldError, Paging};

use crate::{
    AuthError,
    accounts::UserRef,
    moderation::{Decided, Decision, Moderation},
    mongo::{CaseRange, ReportStore},
};

/// Reports that are shown with their case.
const REPORTS_SHOWN: i64 = 100;

/// The place of a case in the queue.
pub(crate) type Position = ReportId;

/// Cases for moderators to decide.
#[derive(Clone)]
pub(crate) struct ReportQueue {
    pub(crate) moderation: Moderation,
    pub(crate) store: ReportStore,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Which cases somebody wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CaseQuery {
    pub(crate) status: CaseStatus,
    pub(crate) target_type: Option<TargetType>,
}

/// A case, the report that it began with, and the accounts that these are
/// about, as far as they are there.
pub(crate) struct SeenCase {
    pub(crate) case: ReportCase,
    pub(crate) first: Option<Report>,
    pub(crate) author: Option<User>,
    pub(crate) reporter: Option<User>,
}

/// A page of the queue.
pub(crate) struct CasePage {
    pub(crate) cases: Vec<SeenCase>,
    /// The position of the last of these, if there is more.
    pub(crate) next: Option<Position>,
}

impl ReportQueue {
    /// A page of the queue: what waits longest comes first, of what is decided
    /// what was reported last.
    pub(crate) async fn page(
        &self,
        caller: UserId,
        query: CaseQuery,
        paging: &Paging<Position>,
    ) -> std::result::Result<CasePage, AuthError> {
        self.moderation.moderator(caller).await?;
        let range = CaseRange {
            status: query.status,
            target_type: query.target_type,
            after: paging.after().copied(),
            skipped: paging.skipped(),
            // One more tells whether there is more.
            limit: paging.limit + 1,
        };
        let mut cases = self.store.page(range).await?;
        let has_more = cases.len() > paging.limit;
        cases.truncate(paging.limit);
        let last = cases.last().map(|case| case.id);
        Ok(CasePage {
            cases: self.look(cases).await?,
            next: last.filter(|_| has_more),
        })
    }

    /// The case that a report belongs to, with its newest reports.
    pub(crate) async fn get(
        &self,
        caller: UserId,
        id: Option<ReportId>,
    ) -> std::result::Result<(SeenCase, Vec<Report>), AuthError> {
        self.moderation.moderator(caller).await?;
        let case_id = self.case_of(id).await?;
        let case = self.store.find_case(case_id).await?;
        let seen = self.look_at(case.ok_or(AuthError::ReportNotFound)?);
        let newest = self.store.newest_of(case_id, REPORTS_SHOWN);
        Ok((seen.await?, newest.await?))
    }

    /// Decides the case that a report belongs to: with it all of its reports
    /// are, and what is decided is done.
    pub(crate) async fn resolve(
        &self,
        caller: UserId,
        id: Option<ReportId>,
        action: CaseAction,
        note: String,
    ) -> std::result::Result<SeenCase, AuthError> {
        self.moderation.moderator(caller).await?;
        let case_id = self.case_of(id).await?;
        let resolution = Resolution {
            action,
            note,
            moderator_id: caller,
            at: self.clock.now(),
        };
        let queue = self.clone();
        let operation = Operation {
            collection: "report_cases",
            name: "resolve",
        };
        let resolve = self.store.store.transaction(operation, move |session| {
            let (queue, resolution) = (queue.clone(), resolution.clone());
            async move { queue.resolve_in(session, case_id, resolution).await }.boxed()
        });
        let (case, decided) = resolve.await??;
        match &decided {
            Some(decided) => self.moderation.settle(decided).await,
            None => self.moderation.outbox.wake(),
        }
        self.look_at(case).await
    }

    async fn resolve_in(
        &self,
        session: &mut ClientSession,
        case_id: ReportId,
        resolution: Resolution,
    ) -> Result<std::result::Result<(ReportCase, Option<Decided>), AuthError>> {
        let moderation = &self.moderation;
        let actor = moderation.begin_in(&mut *session, resolution.moderator_id);
        let actor = match actor.await? {
            Ok(actor) => actor,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(mut case) = self.store.find_case_in(&mut *session, case_id).await? else {
            return Ok(Err(AuthError::ReportNotFound));
        };
        if case.status == CaseStatus::Resolved {
            return Ok(Err(AuthError::ReportAlreadyResolved));
        }
        let consequence = match Consequence::of(&case, resolution.action) {
            Ok(consequence) => consequence,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let plan = match consequence {
            Consequence::Account(id, standing) => {
                let account = UserRef::Id(id);
                let plan = moderation.plan_in(&mut *session, &actor, &account, standing);
                match plan.await? {
                    Ok(plan) => Some(plan),
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            Consequence::Nothing | Consequence::Removal(_) => None,
        };
        // Nothing is refused from here on: what was written would stay.
        let decision = Decision {
            actor_id: Some(actor.id),
            case_id: Some(case.id),
            reason: Some(resolution.note.clone()).filter(|note| !note.is_empty()),
            at: resolution.at,
        };
        let action = resolution.action;
        case.status = CaseStatus::Resolved;
        case.resolution = Some(resolution);
        self.store.resolve(&mut *session, &case).await?;
        let entry = decision.entry(Act::CaseResolved { action }, case.target());
        moderation.log.insert(&mut *session, &entry).await?;
        if let Consequence::Removal(content_type) = consequence {
            let fact = Fact::ContentRemoved(ContentRemoved {
                content_type: content_type.into(),
                content_id: case.target_id.to_string(),
            });
            let row = event_row(fact, decision.at);
            moderation.outbox.put(&mut *session, &[row]).await?;
        }
        let decided = match plan {
            Some(plan) => Some(moderation.carry_out_in(session, plan, &decision).await?),
            None => None,
        };
        Ok(Ok((case, decided)))
    }

    /// The case that a report belongs to; what is no id belongs to none.
    async fn case_of(&self, id: Option<ReportId>) -> std::result::Result<ReportId, AuthError> {
        let id = id.ok_or(AuthError::ReportNotFound)?;
        let report = self.store.find(id).await?;
        Ok(report.ok_or(AuthError::ReportNotFound)?.case_id)
    }
}

impl ReportQueue {
    async fn look_at(&self, case: ReportCase) -> std::result::Result<SeenCase, AuthError> {
        let seen = self.look(vec![case]).await?.pop();
        seen.ok_or(AuthError::ReportNotFound)
    }

    /// Adds to cases what is shown with them.
    async fn look(&self, cases: Vec<ReportCase>) -> std::result::Result<Vec<SeenCase>, AuthError> {
        let first = self
            .store
            .first_of(cases.iter().map(|case| case.id).collect());
        let first = first.await?.into_iter().map(|report| (report.id, report));
        let mut first: HashMap<ReportId, Report> = first.collect();
        let reporters = first.values().filter_map(|report| report.reporter_id);
        let ids = cases.iter().filter_map(|case| case.author_id);
        let ids: Vec<UserId> = ids.chain(reporters).collect();
        let users = self.moderation.relations.users.find_many(&ids).await?;
        let users: HashMap<UserId, User> = users.into_iter().map(|it| (it.id, it)).collect();
        let account = |id: Option<UserId>| users.get(&id?).cloned();
        let seen = cases.into_iter().map(|case| {
            let first = first.remove(&case.id);
            SeenCase {
                author: account(case.author_id),
                reporter: account(first.as_ref().and_then(|report| report.reporter_id)),
                case,
                first,
            }
        });
        Ok(seen.collect())
    }
}

/// What follows from a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consequence {
    Nothing,
    Removal(ContentType),
    Account(UserId, Standing),
}

impl Consequence {
    /// What follows for the target of `case`, or why that cannot be done to it.
    fn of(case: &ReportCase, action: CaseAction) -> std::result::Result<Self, AuthError> {
        let standing = match action {
            CaseAction::Dismiss => return Ok(Self::Nothing),
            CaseAction::RemoveContent => {
                return match case.target_type {
                    TargetType::User => Err(impossible("an account can be suspended, not removed")),
                    TargetType::Post => Ok(Self::Removal(ContentType::Post)),
                    TargetType::Comment => Ok(Self::Removal(ContentType::Comment)),
                    TargetType::Reel => Ok(Self::Removal(ContentType::Reel)),
                    TargetType::Message => Ok(Self::Removal(ContentType::Message)),
                };
            }
            CaseAction::ShadowBan => Standing {
                is_shadow_banned: Some(true),
                ..Standing::default()
            },
            CaseAction::Suspend => Standing {
                status: Some(UserStatus::Suspended),
                ..Standing::default()
            },
        };
        let author = case.author_id;
        let author = author.ok_or_else(|| impossible("it is not known whose it is"))?;
        Ok(Self::Account(author, standing))
    }
}

fn impossible(why: &str) -> AuthError {
    AuthError::InvalidFields(vec![FieldError {
        field: "action".to_owned(),
        message: why.to_owned(),
    }])
}
