use bson::{Bson, Document, doc, serialize_to_bson};
use domain::{CaseStatus, Report, ReportCase, ReportId, Target, TargetType, Timestamp, UserId};
use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Collection,
    error::{Error, Result},
    options::IndexOptions,
};
use store::{Index, Operation, Store, StoreError};

use super::follows::by_name;

/// Name of the collection of reports.
pub(crate) const REPORTS: &str = "reports";
/// Name of the collection of cases.
pub(crate) const CASES: &str = "report_cases";

/// Unique over what is reported, of what is not decided.
pub(crate) const OPEN_CASE: &str = "open_target_unique";
/// The reports of an account, newest first.
const BY_REPORTER: &str = "reporter_id_newest";
/// Unique over who reports in a case.
pub(crate) const REPORT: &str = "case_reporter_unique";

/// The collections `reports` and `report_cases`: what was reported, and
/// everything about one thing together.
#[derive(Clone)]
pub(crate) struct ReportStore {
    pub(crate) store: Store,
    reports: Collection<Report>,
    cases: Collection<ReportCase>,
}

/// A part of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseRange {
    pub(crate) status: CaseStatus,
    pub(crate) target_type: Option<TargetType>,
    /// Begins behind this case.
    pub(crate) after: Option<ReportId>,
    pub(crate) skipped: usize,
    pub(crate) limit: usize,
}

const fn operation(collection: &'static str, name: &'static str) -> Operation {
    Operation { collection, name }
}

impl ReportStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            reports: store.collection(REPORTS),
            cases: store.collection(CASES),
        }
    }

    /// What its queries need.
    pub(crate) fn indexes() -> Vec<Index> {
        let unique_where = |filter: Document| {
            let options = IndexOptions::builder().unique(true);
            options.partial_filter_expression(filter).build()
        };
        let index = |collection, name, keys, options| Index {
            collection,
            name,
            keys,
            options,
        };
        let plain = |collection, name, keys| index(collection, name, keys, IndexOptions::default());
        vec![
            index(
                CASES,
                OPEN_CASE,
                doc! { "target_type": 1, "target_id": 1 },
                unique_where(doc! { "status": CaseStatus::Open }),
            ),
            plain(CASES, "status_id", doc! { "status": 1, "_id": 1 }),
            plain(
                CASES,
                "status_target_type_id",
                doc! { "status": 1, "target_type": 1, "_id": 1 },
            ),
            plain(CASES, "author_id", doc! { "author_id": 1 }),
            index(
                REPORTS,
                REPORT,
                doc! { "case_id": 1, "reporter_id": 1 },
                unique_where(doc! { "reporter_id": { "$type": "objectId" } }),
            ),
            plain(REPORTS, "case_id_id", doc! { "case_id": 1, "_id": 1 }),
            plain(
                REPORTS,
                BY_REPORTER,
                doc! { "reporter_id": 1, "created_at": -1, "_id": -1 },
            ),
        ]
    }

    /// The case about `target` that is not decided.
    pub(crate) async fn open_case(
        &self,
        session: &mut ClientSession,
        target: Target,
    ) -> Result<Option<ReportCase>> {
        let open = doc! {
            "target_type": target.kind,
            "target_id": target.id,
            "status": CaseStatus::Open,
        };
        self.cases.find_one(open).session(session).await
    }

    /// The report of `reporter` in a case.
    pub(crate) async fn of_reporter(
        &self,
        session: &mut ClientSession,
        case_id: ReportId,
        reporter: UserId,
    ) -> Result<Option<Report>> {
        // The type is that of the partial index, which is not used without it.
        let own = doc! {
            "case_id": case_id,
            "reporter_id": { "$eq": reporter, "$type": "objectId" },
        };
        self.reports.find_one(own).session(session).await
    }

    /// When `reporter` made the `nth` report before the next one, if so many
    /// were made; 1 is the last.
    pub(crate) async fn nth_newest(
        &self,
        session: &mut ClientSession,
        reporter: UserId,
        nth: u32,
    ) -> Result<Option<Timestamp>> {
        let find = self.reports.find_one(doc! { "reporter_id": reporter });
        let find = find.sort(doc! { "created_at": -1 });
        let found = find.skip(u64::from(nth.saturating_sub(1)));
        let found = found.session(session).await?;
        Ok(found.map(|report| report.created_at))
    }

    /// Up to `limit` reports that `reporter` made, newest first, behind `after`.
    pub(crate) async fn made_by(
        &self,
        reporter: UserId,
        after: Option<(Timestamp, ReportId)>,
        limit: usize,
    ) -> std::result::Result<Vec<Report>, StoreError> {
        let mut filter = doc! { "reporter_id": reporter };
        if let Some((at, id)) = after {
            let earlier = doc! { "created_at": { "$lt": at } };
            let same_moment = doc! { "created_at": at, "_id": { "$lt": id } };
            filter.insert("created_at", doc! { "$lte": at });
            filter.insert("$or", [earlier, same_moment].to_vec());
        }
        let reports = self.reports.clone();
        let find = async move {
            let made = reports.find(filter).hint(by_name(BY_REPORTER));
            let made = made.sort(doc! { "created_at": -1, "_id": -1 });
            let made = made.limit(i64::try_from(limit).unwrap_or(i64::MAX));
            made.await?.try_collect().await
        };
        self.store.run(operation(REPORTS, "made_by"), find).await
    }

    pub(crate) async fn insert_case(
        &self,
        session: &mut ClientSession,
        case: &ReportCase,
    ) -> Result<()> {
        self.cases.insert_one(case).session(session).await?;
        Ok(())
    }

    /// Counts one more report of a case.
    pub(crate) async fn count(&self, session: &mut ClientSession, report: &Report) -> Result<()> {
        let reason = serialize_to_bson(&report.reason).map_err(Error::custom)?;
        let reason = format!("reasons.{}", reason.as_str().unwrap_or_default());
        let change = doc! {
            "$inc": { "reports_count": 1_i64, reason: 1_i64 },
            "$set": { "reported_at": report.created_at },
        };
        let case = doc! { "_id": report.case_id };
        self.cases.update_one(case, change).session(session).await?;
        Ok(())
    }

    pub(crate) async fn insert(&self, session: &mut ClientSession, report: &Report) -> Result<()> {
        self.reports.insert_one(report).session(session).await?;
        Ok(())
    }

    pub(crate) async fn find_case_in(
        &self,
        session: &mut ClientSession,
        id: ReportId,
    ) -> Result<Option<ReportCase>> {
        self.cases
            .find_one(doc! { "_id": id })
            .session(session)
            .await
    }

    /// Writes what was decided about a case.
    pub(crate) async fn resolve(
        &self,
        session: &mut ClientSession,
        case: &ReportCase,
    ) -> Result<()> {
        let mut decided = doc! { "status": case.status };
        if let Some(it) = &case.resolution {
            let resolution = doc! {
                "action": serialize_to_bson(&it.action).map_err(Error::custom)?,
                "note": &it.note,
                "moderator_id": it.moderator_id,
                "at": it.at,
            };
            decided.insert("resolution", resolution);
        }
        let decided = doc! { "$set": decided };
        let case = doc! { "_id": case.id };
        self.cases
            .update_one(case, decided)
            .session(session)
            .await?;
        Ok(())
    }

    pub(crate) async fn find(
        &self,
        id: ReportId,
    ) -> std::result::Result<Option<Report>, StoreError> {
        let reports = self.reports.clone();
        let find = async move { reports.find_one(doc! { "_id": id }).await };
        self.store.run(operation(REPORTS, "find"), find).await
    }

    pub(crate) async fn find_case(
        &self,
        id: ReportId,
    ) -> std::result::Result<Option<ReportCase>, StoreError> {
        let cases = self.cases.clone();
        let find = async move { cases.find_one(doc! { "_id": id }).await };
        self.store.run(operation(CASES, "find"), find).await
    }

    /// The first reports of cases, in no order.
    pub(crate) async fn first_of(
        &self,
        cases: Vec<ReportId>,
    ) -> std::result::Result<Vec<Report>, StoreError> {
        let reports = self.reports.clone();
        let first = doc! { "_id": { "$in": cases } };
        let find = async move { reports.find(first).await?.try_collect().await };
        self.store.run(operation(REPORTS, "first_of"), find).await
    }

    /// Up to `limit` reports of a case, newest first.
    pub(crate) async fn newest_of(
        &self,
        case_id: ReportId,
        limit: i64,
    ) -> std::result::Result<Vec<Report>, StoreError> {
        let reports = self.reports.clone();
        let find = async move {
            let find = reports.find(doc! { "case_id": case_id });
            let find = find.sort(doc! { "_id": -1 }).limit(limit);
            find.await?.try_collect().await
        };
        self.store.run(operation(REPORTS, "newest_of"), find).await
    }

    /// A part of the queue: what waits longest, or was reported last of what
    /// is decided, comes first.
    pub(crate) async fn page(
        &self,
        range: CaseRange,
    ) -> std::result::Result<Vec<ReportCase>, StoreError> {
        let (direction, behind) = match range.status {
            CaseStatus::Open => (1, "$gt"),
            CaseStatus::Resolved => (-1, "$lt"),
        };
        let mut filter = doc! { "status": range.status };
        if let Some(target_type) = range.target_type {
            filter.insert("target_type", target_type);
        }
        if let Some(after) = range.after {
            filter.insert("_id", doc! { behind: after });
        }
        let cases = self.cases.clone();
        let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
        let page = async move {
            let page = cases.find(filter).sort(doc! { "_id": direction });
            let page = page.skip(range.skipped as u64).limit(limit);
            page.await?.try_collect().await
        };
        self.store.run(operation(CASES, "page"), page).await
    }

    /// Takes the name off up to `limit` reports that `reporter` made, and
    /// returns how many there were. Moderators still need the rest.
    pub(crate) async fn forget_reporter(
        &self,
        session: &mut ClientSession,
        reporter: UserId,
        limit: i64,
    ) -> Result<usize> {
        let own = doc! { "reporter_id": reporter };
        let ids = ids(&self.reports, &mut *session, own, limit).await?;
        let nameless = doc! { "$unset": { "reporter_id": "" }, "$set": { "details": "" } };
        let update = self
            .reports
            .update_many(doc! { "_id": { "$in": &ids } }, nameless);
        update.session(session).await?;
        Ok(ids.len())
    }

    /// Removes up to `limit` cases about what `author` made with all of their
    /// reports up to that limit, and returns how many documents went.
    pub(crate) async fn forget_author(
        &self,
        session: &mut ClientSession,
        author: UserId,
        limit: i64,
    ) -> Result<usize> {
        let about = doc! { "author_id": author };
        let Some(case) = self.cases.find_one(about).session(&mut *session).await? else {
            return Ok(0);
        };
        let of_case = doc! { "case_id": case.id };
        let ids = ids(&self.reports, &mut *session, of_case, limit).await?;
        if ids.is_empty() {
            let case = doc! { "_id": case.id };
            self.cases.delete_one(case).session(session).await?;
            return Ok(1);
        }
        let delete = self.reports.delete_many(doc! { "_id": { "$in": &ids } });
        delete.session(session).await?;
        Ok(ids.len())
    }
}

/// The ids of up to `limit` documents that match.
async fn ids(
    reports: &Collection<Report>,
    session: &mut ClientSession,
    filter: Document,
    limit: i64,
) -> Result<Vec<Bson>> {
    let documents = reports.clone_with_type::<Document>();
    let find = documents.find(filter);
    let find = find.projection(doc! { "_id": 1 }).limit(limit);
    let mut found = find.session(&mut *session).await?;
    let found: Vec<Document> = found.stream(session).try_collect().await?;
    Ok(found
        .into_iter()
        .filter_map(|mut it| it.remove("_id"))
        .collect())
}
