//! What moderators see.

use std::collections::BTreeMap;

use domain::{
    Act, AuditEntry, CaseAction, CaseStatus, Evidence, Id, Report, ReportId, ReportReason, Role,
    Target, TargetType, Timestamp, User, UserId, UserStatus,
};
use serde::Serialize;

use super::view::UserView;
use crate::{audit::Actor, report_queue::SeenCase};

/// An account with what is decided about it.
#[derive(Serialize)]
pub(crate) struct ModeratedUserView {
    #[serde(flatten)]
    user: UserView,
    #[serde(rename = "isShadowBanned")]
    is_shadow_banned: bool,
    status: UserStatus,
    role: Role,
}

impl From<User> for ModeratedUserView {
    fn from(user: User) -> Self {
        Self {
            is_shadow_banned: user.is_shadow_banned,
            status: user.status,
            role: user.role,
            user: user.into(),
        }
    }
}

/// A case: what is reported, by the words of the first report.
#[derive(Serialize)]
pub(crate) struct CaseView {
    #[serde(rename = "_id")]
    id: ReportId,
    target_type: TargetType,
    target_id: Id<Target>,
    /// Who made what is reported.
    user_id: Option<UserId>,
    user: Option<ModeratedUserView>,
    reason: Option<ReportReason>,
    details: Option<String>,
    content: Option<ContentView>,
    reporter_id: Option<UserId>,
    reporter: Option<ModeratedUserView>,
    status: CaseStatus,
    reports_count: i64,
    reasons: BTreeMap<ReportReason, i64>,
    created_at: Timestamp,
    reported_at: Timestamp,
    resolution: Option<ResolutionView>,
}

/// What was reported, as it was then.
#[derive(Serialize)]
struct ContentView {
    text: String,
    media_urls: Vec<String>,
}

#[derive(Serialize)]
struct ResolutionView {
    action: CaseAction,
    note: String,
    moderator_id: UserId,
    created_at: Timestamp,
}

impl From<Evidence> for ContentView {
    fn from(evidence: Evidence) -> Self {
        Self {
            text: evidence.text,
            media_urls: evidence.media_urls,
        }
    }
}

impl From<SeenCase> for CaseView {
    fn from(seen: SeenCase) -> Self {
        let (case, first) = (seen.case, seen.first);
        let (reason, reporter_id) = (
            first.as_ref().map(|it| it.reason),
            first.as_ref().and_then(|it| it.reporter_id),
        );
        let (details, content) = first.map(|it| (it.details, it.evidence)).unzip();
        Self {
            id: case.id,
            target_type: case.target_type,
            target_id: case.target_id,
            user_id: case.author_id,
            user: seen.author.map(Into::into),
            reason,
            details,
            content: content.flatten().map(Into::into),
            reporter_id,
            reporter: seen.reporter.map(Into::into),
            status: case.status,
            reports_count: case.reports_count,
            reasons: case.reasons,
            created_at: case.created_at,
            reported_at: case.reported_at,
            resolution: case.resolution.map(|it| ResolutionView {
                action: it.action,
                note: it.note,
                moderator_id: it.moderator_id,
                created_at: it.at,
            }),
        }
    }
}

/// A case with its newest reports.
#[derive(Serialize)]
pub(crate) struct FullCaseView {
    #[serde(flatten)]
    case: CaseView,
    reports: Vec<ReportView>,
}

#[derive(Serialize)]
struct ReportView {
    #[serde(rename = "_id")]
    id: ReportId,
    reporter_id: Option<UserId>,
    reason: ReportReason,
    details: String,
    content: Option<ContentView>,
    created_at: Timestamp,
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        Self {
            id: report.id,
            reporter_id: report.reporter_id,
            reason: report.reason,
            details: report.details,
            content: report.evidence.map(Into::into),
            created_at: report.created_at,
        }
    }
}

impl From<(SeenCase, Vec<Report>)> for FullCaseView {
    fn from((case, reports): (SeenCase, Vec<Report>)) -> Self {
        Self {
            case: case.into(),
            reports: reports.into_iter().map(Into::into).collect(),
        }
    }
}

/// What somebody did.
#[derive(Serialize)]
pub(crate) struct AuditEntryView {
    #[serde(rename = "_id")]
    id: Id<AuditEntry>,
    /// An id, or `operator`.
    actor: String,
    #[serde(flatten)]
    act: Act,
    target_type: TargetType,
    target_id: Id<Target>,
    case_id: Option<ReportId>,
    reason: Option<String>,
    created_at: Timestamp,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            actor: Actor::from(entry.actor_id).to_string(),
            act: entry.act,
            target_type: entry.target_type,
            target_id: entry.target_id,
            case_id: entry.case_id,
            reason: entry.reason,
            created_at: entry.created_at,
        }
    }
}
