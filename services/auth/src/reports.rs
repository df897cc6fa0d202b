//! What people report.

use std::{sync::Arc, time::Duration};

use contracts::events::v1::ContentType;
use domain::{
    CaseStatus, Evidence, Report, ReportCase, ReportId, ReportReason, Target, TargetType,
    Timestamp, User, UserId, visibility::Sight,
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use runtime::Clock;
use store::{IDEMPOTENCY_INDEX, IdempotencyRecords, Operation, Repeatable};

use crate::{
    AuthError,
    accounts::UserRef,
    mongo::{OPEN_CASE_INDEX, REPORT_INDEX, ReportStore},
    posts::Posts,
    relations::{Relations, active, viewer},
};

/// How long a report counts against the limit.
const DAY: Duration = Duration::from_hours(24);
/// Attempts of a report that meets another about the same thing.
const ATTEMPTS: usize = 3;

/// A report as somebody wrote it, checked.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub(crate) target: Target,
    pub(crate) reason: ReportReason,
    pub(crate) details: String,
}

/// Takes reports.
#[derive(Clone)]
pub(crate) struct Reports {
    pub(crate) relations: Relations,
    pub(crate) store: ReportStore,
    pub(crate) answers: IdempotencyRecords,
    pub(crate) posts: Posts,
    pub(crate) clock: Arc<dyn Clock>,
    /// Most reports of one account in a day.
    pub(crate) daily_limit: u32,
}

/// What is reported, as far as it is known here.
#[derive(Clone, Debug, Default)]
struct Reported {
    author_id: Option<UserId>,
    evidence: Option<Evidence>,
}

/// What is fixed before the transaction, because it may run more than once.
#[derive(Clone)]
struct Filing {
    reporter_id: UserId,
    complaint: Complaint,
    reported: Reported,
    id: ReportId,
    now: Timestamp,
    repeatable: Option<Repeatable>,
    show: Show,
}

/// Writes the answer to whoever reports.
type Show = fn(ReportId) -> std::result::Result<String, serde_json::Error>;

impl Reports {
    /// Takes a report and returns what is answered. One account has one report
    /// about a thing until a moderator has decided: reporting it again is
    /// answered as the first time.
    pub(crate) async fn create(
        &self,
        reporter_id: UserId,
        complaint: Complaint,
        repeatable: Option<Repeatable>,
        show: Show,
    ) -> std::result::Result<String, AuthError> {
        active(self.relations.own(reporter_id).await?)?;
        if let Some(again) = &repeatable
            && let Some(answer) = self.answers.answered(reporter_id, again).await?
        {
            return Ok(answer);
        }
        let reported = self.look(reporter_id, complaint.target).await?;
        if reported.author_id == Some(reporter_id) {
            return Err(AuthError::CannotReportYourself);
        }
        self.file(Filing {
            reporter_id,
            complaint,
            reported,
            id: ReportId::generate(),
            now: self.clock.now(),
            repeatable,
            show,
        })
        .await
    }

    /// What `viewer_id` reports, as it is now. Of a target whose owner is not
    /// asked, there is only its id.
    async fn look(
        &self,
        viewer_id: UserId,
        target: Target,
    ) -> std::result::Result<Reported, AuthError> {
        let content_type = match target.kind {
            TargetType::User => {
                let account = UserRef::Id(target.id.oid().into());
                let account = self.visible(viewer_id, account).await?;
                return Ok(account.into());
            }
            TargetType::Post => ContentType::Post,
            TargetType::Comment => ContentType::Comment,
            TargetType::Reel | TargetType::Message => return Ok(Reported::default()),
        };
        let content = self.posts.find(viewer_id, content_type, target.id).await?;
        let content = content.ok_or(AuthError::ContentNotFound)?;
        Ok(Reported {
            author_id: Some(content.author_id),
            evidence: Some(content.evidence),
        })
    }

    async fn visible(
        &self,
        viewer_id: UserId,
        target: UserRef,
    ) -> std::result::Result<User, AuthError> {
        let (own, target) = self.relations.to(viewer_id, target).await?;
        let viewer = viewer(own)?;
        target
            .filter(|target| target.is_visible_to(&viewer, Sight::Profile))
            .map(|target| target.user)
            .ok_or(AuthError::UserNotFound)
    }

    async fn file(&self, filing: Filing) -> std::result::Result<String, AuthError> {
        let operation = Operation {
            collection: "reports",
            name: "create",
        };
        let mut attempt = 1;
        loop {
            let (reports, filing_again) = (self.clone(), filing.clone());
            let file = self.store.store.transaction(operation, move |session| {
                let (reports, filing) = (reports.clone(), filing_again.clone());
                async move { reports.file_in(session, &filing).await }.boxed()
            });
            let error = match file.await {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            match (error.duplicate_index(), &filing.repeatable) {
                // Another first report about it was faster, and can be read now.
                (Some(OPEN_CASE_INDEX | REPORT_INDEX), _) if attempt < ATTEMPTS => attempt += 1,
                // The same request, sent twice at a time, was faster.
                (Some(IDEMPOTENCY_INDEX), Some(again)) => {
                    let answer = self.answers.answered(filing.reporter_id, again).await?;
                    return answer.ok_or(error.into());
                }
                _ => return Err(error.into()),
            }
        }
    }

    async fn file_in(
        &self,
        session: &mut ClientSession,
        filing: &Filing,
    ) -> Result<std::result::Result<String, AuthError>> {
        let case = self.store.open_case(&mut *session, filing.complaint.target);
        let case = case.await?;
        let known = match &case {
            Some(case) => {
                let own = self
                    .store
                    .of_reporter(&mut *session, case.id, filing.reporter_id);
                own.await?
            }
            None => None,
        };
        let report = match known {
            Some(report) => report,
            None => match self.add_in(&mut *session, filing, case).await? {
                Ok(report) => report,
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        let answer = match (filing.show)(report.id) {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Some(request) = &filing.repeatable {
            let record = request.record(filing.reporter_id, filing.now, &answer);
            self.answers.insert(session, &record).await?;
        }
        Ok(Ok(answer))
    }

    /// Adds a report to the case about its target, or begins one with it.
    async fn add_in(
        &self,
        session: &mut ClientSession,
        filing: &Filing,
        case: Option<ReportCase>,
    ) -> Result<std::result::Result<Report, AuthError>> {
        if let Some(retry_after) = self.wait(&mut *session, filing).await? {
            return Ok(Err(AuthError::ReportLimitReached { retry_after }));
        }
        let report = filing.report(case.as_ref());
        if case.is_some() {
            self.store.count(&mut *session, &report).await?;
        } else {
            let case = filing.case();
            self.store.insert_case(&mut *session, &case).await?;
        }
        self.store.insert(session, &report).await?;
        Ok(Ok(report))
    }

    /// How long until the next report, if there were as many as may be in a day.
    async fn wait(&self, session: &mut ClientSession, filing: &Filing) -> Result<Option<Duration>> {
        let (reporter, limit) = (filing.reporter_id, self.daily_limit);
        let first = self.store.nth_newest(session, reporter, limit).await?;
        let wait = first.map(|first| first.plus(DAY).since(filing.now));
        Ok(wait.filter(|wait| !wait.is_zero()))
    }
}

impl Filing {
    /// The report, in the case about its target, if there is one.
    fn report(&self, case: Option<&ReportCase>) -> Report {
        Report {
            id: self.id,
            case_id: case.map_or(self.id, |case| case.id),
            reporter_id: Some(self.reporter_id),
            reason: self.complaint.reason,
            details: self.complaint.details.clone(),
            evidence: self.reported.evidence.clone(),
            created_at: self.now,
        }
    }

    /// The case that it begins.
    fn case(&self) -> ReportCase {
        ReportCase {
            id: self.id,
            target_type: self.complaint.target.kind,
            target_id: self.complaint.target.id,
            author_id: self.reported.author_id,
            status: CaseStatus::Open,
            reports_count: 1,
            reasons: [(self.complaint.reason, 1)].into(),
            created_at: self.now,
            reported_at: self.now,
            resolution: None,
        }
    }
}

impl From<User> for Reported {
    /// What others can read of an account.
    fn from(user: User) -> Self {
        let text = format!("@{}\n{}\n{}", user.username, user.full_name, user.bio);
        Self {
            author_id: Some(user.id),
            evidence: Some(Evidence {
                text: text.trim_end().to_owned(),
                media_urls: user.avatar_url.into_iter().collect(),
            }),
        }
    }
}
