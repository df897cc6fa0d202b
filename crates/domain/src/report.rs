use std::collections::BTreeMap;

use bson::Bson;
use serde::{Deserialize, Serialize};

use crate::{Id, RuleViolation, Timestamp, UserId, rules::check_lines};

/// Longest text of a report, a resolution or a moderator's reason, in characters.
pub const REMARK_MAX: usize = 1_000;

/// Identifies a report. A case has the id of its first one.
pub type ReportId = Id<Report>;

/// What is reported: something that somebody made, or an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: TargetType,
    /// Which.
    pub id: Id<Target>,
}

impl From<UserId> for Target {
    fn from(id: UserId) -> Self {
        Self {
            kind: TargetType::User,
            id: id.oid().into(),
        }
    }
}

/// What can be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetType {
    /// An account.
    User,
    /// A post.
    Post,
    /// A comment or reply.
    Comment,
    /// A short video.
    Reel,
    /// A message.
    Message,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    /// Unwanted advertising, or the same thing again and again.
    Spam,
    /// Against somebody in particular.
    Harassment,
    /// Against a group of people.
    Hate,
    /// Shows, praises or threatens it.
    Violence,
    /// Where it does not belong.
    Nudity,
    /// Shows or encourages it; who made it may need help.
    SelfHarm,
    /// Pretends to be somebody else.
    Impersonation,
    /// Against the law.
    Illegal,
    /// See the details.
    Other,
}

/// Somebody says that something breaks the rules: a document of `reports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The report.
    #[serde(rename = "_id")]
    pub id: ReportId,
    /// The case that it belongs to, which has the id of its first report.
    pub case_id: ReportId,
    /// Who says so; absent when the account was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter_id: Option<UserId>,
    /// What is wrong.
    pub reason: ReportReason,
    /// In the words of the reporter.
    pub details: String,
    /// What was reported, as it was then; absent if this side cannot know it,
    /// or must not any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// When.
    pub created_at: Timestamp,
}

/// What something said and showed when it was reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its text.
    pub text: String,
    /// Its pictures and videos.
    pub media_urls: Vec<String>,
}

/// Everything that was reported about one thing until a moderator decided: a
/// document of `report_cases`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportCase {
    /// That of its first report.
    #[serde(rename = "_id")]
    pub id: ReportId,
    /// What kind of thing it is about.
    pub target_type: TargetType,
    /// Which one.
    pub target_id: Id<Target>,
    /// Who made it, or whose account it is; absent if this side cannot know
    /// it, or must not any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_id: Option<UserId>,
    /// Whether a moderator has decided.
    pub status: CaseStatus,
    /// How many reports it has.
    pub reports_count: i64,
    /// How many of them for which reason.
    pub reasons: BTreeMap<ReportReason, i64>,
    /// When the first report came.
    pub created_at: Timestamp,
    /// When the last one came.
    pub reported_at: Timestamp,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

impl ReportCase {
    /// What it is about.
    #[must_use]
    pub fn target(&self) -> Target {
        Target {
            kind: self.target_type,
            id: self.target_id,
        }
    }
}

/// Whether a case is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseStatus {
    /// Waits for a moderator.
    #[default]
    Open,
    /// Decided.
    Resolved,
}

impl From<CaseStatus> for Bson {
    /// As it is stored, for filters.
    fn from(status: CaseStatus) -> Self {
        let word = match status {
            CaseStatus::Open => "open",
            CaseStatus::Resolved => "resolved",
        };
        Self::String(word.to_owned())
    }
}

impl From<TargetType> for Bson {
    /// As it is stored, for filters.
    fn from(kind: TargetType) -> Self {
        let word = match kind {
            TargetType::User => "user",
            TargetType::Post => "post",
            TargetType::Comment => "comment",
            TargetType::Reel => "reel",
            TargetType::Message => "message",
        };
        Self::String(word.to_owned())
    }
}

/// A moderator's decision about a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// What was done.
    pub action: CaseAction,
    /// Why, for other moderators.
    pub note: String,
    /// Who decided.
    pub moderator_id: UserId,
    /// When.
    pub at: Timestamp,
}

/// What a moderator can do about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseAction {
    /// Nothing: no rule is broken.
    Dismiss,
    /// The content is taken away.
    RemoveContent,
    /// Nobody but its author sees the account any more.
    ShadowBan,
    /// The account is locked.
    Suspend,
}

/// Takes a text that somebody adds to what they do about another, or refuses
/// it as too long. Space around it is cut.
pub fn check_remark(text: &str) -> Result<String, RuleViolation> {
    let text = text.trim();
    check_lines(text, REMARK_MAX)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_what_is_stored() {
        for status in [CaseStatus::Open, CaseStatus::Resolved] {
            let stored = bson::serialize_to_bson(&status).unwrap();
            assert_eq!(stored, Bson::from(status));
        }
        for kind in [
            TargetType::User,
            TargetType::Post,
            TargetType::Comment,
            TargetType::Reel,
            TargetType::Message,
        ] {
            let stored = bson::serialize_to_bson(&kind).unwrap();
            assert_eq!(stored, Bson::from(kind));
        }
    }

    #[test]
    fn a_case_is_stored_with_its_reasons_by_name() {
        let at = Timestamp::from_millis(1_000);
        let id = ReportId::generate();
        let case = ReportCase {
            id,
            target_type: TargetType::Post,
            target_id: Id::generate(),
            author_id: None,
            status: CaseStatus::Open,
            reports_count: 1,
            reasons: [(ReportReason::SelfHarm, 1)].into(),
            created_at: at,
            reported_at: at,
            resolution: None,
        };
        let stored = bson::serialize_to_document(&case).unwrap();
        let reasons = stored.get_document("reasons").unwrap();
        assert_eq!(reasons.get_i64("self_harm").unwrap(), 1);
        let bytes = bson::serialize_to_vec(&case).unwrap();
        let read: ReportCase = bson::deserialize_from_slice(&bytes).unwrap();
        assert_eq!(read, case);
    }

    #[test]
    fn a_remark_is_short_plain_text() {
        assert_eq!(check_remark(" two\nlines ").unwrap(), "two\nlines");
        assert_eq!(check_remark(&"ä".repeat(REMARK_MAX)).unwrap().len(), 2_000);
        assert!(check_remark(&"ä".repeat(REMARK_MAX + 1)).is_err());
        assert!(check_remark("a\u{0}b").is_err());
    }
}
