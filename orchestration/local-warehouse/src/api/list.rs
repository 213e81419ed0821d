//! ListStatements.

use serde_json::{Map, Value, json};

use super::describe::epoch;
use super::request::Request;
use crate::store::{self, Record};
use crate::warehouse::{Inner, Place};
use crate::{ApiError, sql};

const STATUSES: [&str; 7] = [
    "SUBMITTED",
    "PICKED",
    "STARTED",
    "FINISHED",
    "ABORTED",
    "FAILED",
    "ALL",
];

/// ListStatements: FINISHED ones alone unless another status is asked for.
pub(super) async fn statements(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let wanted = request.text("Status")?.unwrap_or("FINISHED");
    if !STATUSES.contains(&wanted) {
        return Err(ApiError::not_in_enum("status", wanted, &STATUSES));
    }
    let prefix = request.text("StatementName")?.unwrap_or_default();
    let page = Page::of(request)?;
    let mut records = all_records(inner, request, prefix).await?;
    records.sort_by_key(|record| std::cmp::Reverse(record.submission.created_at));
    let matching: Vec<Value> = records
        .iter()
        .map(|record| (status(inner, record), record))
        .filter(|(status, _)| wanted == "ALL" || status == wanted)
        .map(|(status, record)| entry(&status, record))
        .collect();
    Ok(page.answer("Statements", matching))
}

/// Which part of a long list is asked for.
pub(super) struct Page {
    first: usize,
    most: usize,
}

impl Page {
    /// `MaxResults`, 100 at most, from `NextToken` on.
    pub(super) fn of(request: &Request<'_>) -> Result<Self, ApiError> {
        let most = request
            .number("MaxResults", 0, 100)?
            .filter(|most| *most > 0)
            .unwrap_or(100);
        let first = match request.text("NextToken")? {
            None => 0,
            Some(token) => token
                .parse()
                .map_err(|_| ApiError::validation("NextToken is not valid"))?,
        };
        Ok(Self {
            first,
            most: usize::try_from(most).unwrap_or(100),
        })
    }

    /// The part of the list, under its name, with the token for the next part if there is one.
    pub(super) fn answer(&self, name: &str, entries: Vec<Value>) -> Value {
        let end = self.first.saturating_add(self.most);
        let has_more = end < entries.len();
        let part: Vec<Value> = entries.into_iter().skip(self.first).take(self.most).collect();
        let mut answer = Map::from_iter([(name.to_owned(), Value::Array(part))]);
        if has_more {
            answer.insert("NextToken".to_owned(), json!(end.to_string()));
        }
        Value::Object(answer)
    }
}

async fn all_records(inner: &Inner, request: &Request<'_>, prefix: &str) -> Result<Vec<Record>, ApiError> {
    let only_database = request.text("Database")?;
    let only_cluster = request.cluster_if_named(inner)?;
    let mut records = Vec::new();
    for (cluster, endpoint) in inner.endpoints().enumerate() {
        if only_cluster.is_some_and(|only| only != cluster) {
            continue;
        }
        for database in endpoint.opened_databases().await {
            if only_database.is_some_and(|only| only != database) {
                continue;
            }
            let place = Place { cluster, database };
            let client = inner
                .bookkeeping(&place)
                .await
                .map_err(|error| ApiError::internal(&error))?;
            records.extend(
                store::list(&client, prefix)
                    .await
                    .map_err(|error| ApiError::internal(&error))?,
            );
        }
    }
    Ok(records)
}

fn status(inner: &Inner, record: &Record) -> String {
    match &record.outcome {
        Some(outcome) => outcome.status.clone(),
        None => inner
            .live(record.submission.id)
            .map_or("SUBMITTED", |live| live.progress().status)
            .to_owned(),
    }
}

fn entry(status: &str, record: &Record) -> Value {
    let submission = &record.submission;
    let texts: Vec<String> = submission
        .sqls
        .iter()
        .map(|text| sql::without_credentials(text))
        .collect();
    let updated_at = record
        .outcome
        .as_ref()
        .map_or(submission.created_at, |outcome| outcome.ended_at);
    let mut entry = Map::new();
    entry.insert("Id".to_owned(), json!(submission.id.to_string()));
    entry.insert("Status".to_owned(), json!(status));
    entry.insert("CreatedAt".to_owned(), epoch(submission.created_at));
    entry.insert("UpdatedAt".to_owned(), epoch(updated_at));
    entry.insert("IsBatchStatement".to_owned(), json!(submission.is_batch));
    let format = submission.request.get("ResultFormat").cloned();
    entry.insert("ResultFormat".to_owned(), format.unwrap_or_else(|| json!("JSON")));
    if submission.is_batch {
        entry.insert("QueryStrings".to_owned(), json!(texts));
    } else {
        entry.insert("QueryString".to_owned(), json!(texts.first()));
    }
    if let Some(name) = &submission.name {
        entry.insert("StatementName".to_owned(), json!(name));
    }
    for (name, field) in [
        ("SecretArn", "SecretArn"),
        ("SessionId", "SessionId"),
        ("QueryParameters", "Parameters"),
    ] {
        if let Some(value) = submission.request.get(field) {
            entry.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(entry)
}
