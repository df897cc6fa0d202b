//! `auth migrate`: indexes, queue topology, and what old documents lack.

use std::fmt;

use anyhow::Context;
use bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId};
use domain::{Email, User};
use futures_util::TryStreamExt;
use mongodb::{Collection, error::Error as DriverError};
use secrecy::ExposeSecret;
use store::{Store, StoreError};

use super::indexes;
use crate::{MigrateSettings, passwords, user_search::account_words};

/// Findings kept in the report; more are only counted.
const FINDINGS_MAX: usize = 10_000;

/// What a migration did and what it could not take.
#[derive(Debug, Default)]
pub struct MigrationReport {
    /// Accounts looked at.
    pub examined: u64,
    /// Accounts that got `username_lower`, `email_lower` or `search_words`.
    pub completed: u64,
    /// Accounts that need a person's decision, the first 10,000.
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_count: u64,
}

/// An old account that could not be taken over whole. It stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The `_id`, in hex where it is an `ObjectId`.
    pub id: String,
    /// What is in the way, and what follows.
    pub reason: String,
}

impl MigrationReport {
    fn find(&mut self, id: &Bson, reason: impl Into<String>) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            let id = id
                .as_object_id()
                .map_or_else(|| id.to_string(), ObjectId::to_hex);
            let reason = reason.into();
            self.findings.push(Finding { id, reason });
        }
    }
}

impl fmt::Display for MigrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { id, reason } in &self.findings {
            writeln!(f, "{id}: {reason}")?;
        }
        writeln!(
            f,
            "{} accounts examined, {} completed, {} findings",
            self.examined, self.completed, self.findings_count
        )
    }
}

/// Creates the indexes and the queue topology, then completes old accounts.
///
/// Running it again changes nothing. It looks at accounts that are not
/// complete; `examine_all` repeats the report for all of them.
pub async fn migrate(settings: &MigrateSettings) -> anyhow::Result<MigrationReport> {
    bus::declare_topology(settings.amqp.amqp_url.expose_secret())
        .await
        .context("rabbitmq topology")?;
    let store = Store::connect(&settings.mongo, "auth migrate").await?;
    store
        .ensure_indexes(&indexes::all())
        .await
        .context("mongodb indexes")?;
    complete_accounts(&store, settings.examine_all)
        .await
        .context("old accounts")
}

/// Oldest first: of two accounts that differ only in case, the older keeps the name.
async fn complete_accounts(
    store: &Store,
    examine_all: bool,
) -> Result<MigrationReport, StoreError> {
    let users: Collection<RawDocumentBuf> = store.collection("users");
    let mut report = MigrationReport::default();
    let lacking = doc! { "$or": [
        { "username_lower": { "$not": { "$type": "string" } } },
        { "email_lower": { "$not": { "$type": "string" } } },
        { "search_words": { "$not": { "$type": "array" } } },
    ]};
    let filter = if examine_all {
        doc! {}
    } else {
        lacking
    };
    let mut old = users.find(filter).sort(doc! { "_id": 1 }).await?;
    while let Some(raw) = old.try_next().await? {
        report.examined += 1;
        match Document::try_from(raw.clone()) {
            Ok(document) => complete_account(&users, &document, &raw, &mut report).await?,
            Err(error) => report.find(&Bson::Null, format!("is not a document: {error}")),
        }
    }
    Ok(report)
}

async fn complete_account(
    users: &Collection<RawDocumentBuf>,
    document: &Document,
    raw: &RawDocumentBuf,
    report: &mut MigrationReport,
) -> Result<(), StoreError> {
    let id = document.get("_id").cloned().unwrap_or(Bson::Null);
    let mut is_completed = false;
    for (field, folded_field) in [("username", "username_lower"), ("email", "email_lower")] {
        let Ok(text) = document.get_str(field) else {
            report.find(
                &id,
                format!("{field} is missing or not text: cannot be found by it"),
            );
            continue;
        };
        if field == "email" && Email::parse(text).is_err() {
            report.find(&id, "email is not an address: mail cannot reach it");
        }
        if document.get_str(folded_field).is_ok() {
            continue;
        }
        let set = doc! { "$set": { folded_field: text.to_lowercase() } };
        match users.update_one(doc! { "_id": id.clone() }, set).await {
            Ok(_) => is_completed = true,
            Err(error) if is_duplicate(&error) => report.find(
                &id,
                format!(
                    "{field} differs only in case from an older account's: cannot be found by it"
                ),
            ),
            Err(error) => return Err(error.into()),
        }
    }
    is_completed |= complete_words(users, &id, document).await?;
    report.completed += u64::from(is_completed);
    match document.get_str("password") {
        Ok(hash) if passwords::is_known_scheme(hash) => {}
        Ok(_) => report.find(
            &id,
            "password is not a hash that can be verified: must be reset",
        ),
        Err(_) => report.find(&id, "password is missing: must be reset"),
    }
    if bson::deserialize_from_slice::<User>(raw.as_bytes()).is_err() {
        let fields = unreadable_fields(document).join(", ");
        report.find(&id, format!("cannot be read as an account: {fields}"));
    }
    Ok(())
}

/// By which words an account is found, where that is not noted or not what its
/// names say now; whether it was changed.
async fn complete_words(
    users: &Collection<RawDocumentBuf>,
    id: &Bson,
    document: &Document,
) -> Result<bool, StoreError> {
    let Ok(username) = document.get_str("username") else {
        return Ok(false);
    };
    let full_name = document.get_str("full_name").unwrap_or_default();
    let words = account_words(username, full_name);
    let words: Vec<Bson> = words.into_iter().map(Bson::from).collect();
    if document.get_array("search_words").ok() == Some(&words) {
        return Ok(false);
    }
    let set = doc! { "$set": { "search_words": words } };
    users.update_one(doc! { "_id": id }, set).await?;
    Ok(true)
}

/// The fields that keep a document from being an account. Only their names:
/// the values are personal, and serde's errors quote them.
fn unreadable_fields(document: &Document) -> Vec<&str> {
    let is_readable = |candidate: &Document| {
        bson::serialize_to_vec(candidate)
            .is_ok_and(|raw| bson::deserialize_from_slice::<User>(&raw).is_ok())
    };
    let mut fields: Vec<&str> = document
        .iter()
        .filter(|(field, value)| {
            let mut candidate = doc! { "_id": ObjectId::new(), "username": "" };
            candidate.insert(field.as_str(), (*value).clone());
            !is_readable(&candidate)
        })
        .map(|(field, _)| field.as_str())
        .collect();
    if !document.contains_key("username") {
        fields.push("username");
    }
    fields
}

fn is_duplicate(error: &DriverError) -> bool {
    StoreError::from(error.clone()).duplicate_index().is_some()
}
