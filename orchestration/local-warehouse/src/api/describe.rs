//! DescribeStatement and GetStatementResult.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::execute::WHERE;
use super::request::{Request, StatementId};
use crate::live::{MOST_WAITING, Progress};
use crate::store::{self, Record, SubOutcome};
use crate::warehouse::Inner;
use crate::{ApiError, result_set, sql};

/// DescribeStatement.
pub(super) async fn describe(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let StatementId { id, number } = request.statement_id()?;
    wait_if_asked(inner, request, id).await?;
    // Read before the record: a statement that ends in between is then in the record.
    let progress = inner.live(id).map(|live| live.progress());
    let record = load(inner, id).await?;
    match number {
        None => Ok(whole(&record, progress.as_ref())),
        Some(number) if (1..=record.submission.sqls.len()).contains(&number) => {
            Ok(part(&record, progress.as_ref(), number - 1))
        }
        Some(number) => Err(ApiError::not_found(format!(
            "Query does not exist: {id}:{number}"
        ))),
    }
}

/// GetStatementResult, and with CSV GetStatementResultV2: each for the statements that asked for its format.
pub(super) async fn result(
    inner: &Inner,
    request: &Request<'_>,
    format: ResultFormat,
) -> Result<Value, ApiError> {
    let StatementId { id, number } = request.statement_id()?;
    wait_if_asked(inner, request, id).await?;
    let record = load(inner, id).await?;
    if ResultFormat::of(&record) != format {
        return Err(ApiError::validation(format.other_operation()));
    }
    let status = record
        .outcome
        .as_ref()
        .map_or("STARTED", |outcome| outcome.status.as_str());
    if status != "FINISHED" {
        return Err(ApiError::not_found(format!(
            "Query result is not available: the query is in {status} state"
        )));
    }
    let number = number.unwrap_or(1);
    let first = match request.text("NextToken")? {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| ApiError::validation("NextToken is not valid"))?,
    };
    let place = inner.place_of(id).ok_or_else(|| unknown(id))?;
    let client = inner
        .bookkeeping(&place)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let page = result_set::page(&client, id, number, first)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let page = page.ok_or_else(|| {
        ApiError::not_found("Query does not have result. Please check query status with DescribeStatement.")
    })?;
    Ok(match format {
        ResultFormat::Json => page,
        ResultFormat::Csv => result_set::page_as_csv(page, first == 0),
    })
}

/// How a statement's result is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultFormat {
    /// Typed fields, by GetStatementResult.
    Json,
    /// CSV, by GetStatementResultV2.
    Csv,
}

impl ResultFormat {
    fn of(record: &Record) -> Self {
        match record.submission.request["ResultFormat"].as_str() {
            Some("CSV") => Self::Csv,
            _ => Self::Json,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Csv => "CSV",
        }
    }

    /// What to call instead.
    fn other_operation(self) -> &'static str {
        match self {
            Self::Json => "The result format of this statement is CSV; get it with GetStatementResultV2",
            Self::Csv => "The result format of this statement is JSON; get it with GetStatementResult",
        }
    }
}

/// The record of a statement.
pub(super) async fn load(inner: &Inner, id: Uuid) -> Result<Record, ApiError> {
    let place = inner.place_of(id).ok_or_else(|| unknown(id))?;
    let client = inner
        .bookkeeping(&place)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let record = store::find(&client, id)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    record.ok_or_else(|| unknown(id))
}

/// Holds the answer back until the statement ends or `WaitTimeSeconds` are over.
pub(super) async fn wait_if_asked(inner: &Inner, request: &Request<'_>, id: Uuid) -> Result<(), ApiError> {
    let Some(seconds) = request.number("WaitTimeSeconds", 1, 30)? else {
        return Ok(());
    };
    if let Some(live) = inner.live(id) {
        let Some(_in_line) = live.wait_in_line() else {
            return Err(ApiError::too_many_waiting_requests(MOST_WAITING));
        };
        let patience = Duration::from_secs(seconds.unsigned_abs());
        if tokio::time::timeout(patience, live.until_ended()).await.is_err() {
            tracing::debug!(statement.id = %id, "a statement had not ended when the wait for it was over");
        }
    }
    Ok(())
}

/// Seconds since 1970, as awsJson writes times.
pub(super) fn epoch(time: DateTime<Utc>) -> Value {
    let milliseconds = time.timestamp_millis();
    if milliseconds % 1000 == 0 {
        return json!(milliseconds / 1000);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit 53 bits for the next 280,000 years"
    )]
    let seconds = milliseconds as f64 / 1000.0;
    json!(seconds)
}

fn unknown(id: Uuid) -> ApiError {
    ApiError::not_found(format!("Query does not exist: {id}"))
}

fn whole(record: &Record, progress: Option<&Progress>) -> Value {
    let submission = &record.submission;
    let mut answer = repeated(record);
    answer.insert("Id".to_owned(), json!(submission.id.to_string()));
    answer.insert("CreatedAt".to_owned(), epoch(submission.created_at));
    answer.insert("ResultFormat".to_owned(), json!(ResultFormat::of(record).name()));
    if submission.is_batch {
        let parts = (0..submission.sqls.len())
            .map(|index| part(record, progress, index))
            .collect::<Vec<_>>();
        let duration: i64 = parts
            .iter()
            .filter_map(|part| part["Duration"].as_i64())
            .filter(|nanos| *nanos > 0)
            .sum();
        let has_result_set = parts.iter().any(|part| part["HasResultSet"] == json!(true));
        answer.insert("Duration".to_owned(), json!(duration));
        answer.insert("HasResultSet".to_owned(), json!(has_result_set));
        answer.insert("ResultRows".to_owned(), json!(-1));
        answer.insert("ResultSize".to_owned(), json!(-1));
        answer.insert("RedshiftQueryId".to_owned(), json!(0));
        answer.insert("SubStatements".to_owned(), Value::Array(parts));
        let mode = submission.request.get("ExecutionMode").cloned();
        answer.insert(
            "ExecutionMode".to_owned(),
            mode.unwrap_or_else(|| json!("TRANSACTION")),
        );
    } else if let Value::Object(part) = part(record, progress, 0) {
        answer.extend(part.into_iter().filter(|(name, _)| name != "Id"));
    }
    add_state(&mut answer, record, progress);
    Value::Object(answer)
}

fn repeated(record: &Record) -> Map<String, Value> {
    let mut answer = Map::new();
    for name in WHERE.iter().chain(&["SessionId"]) {
        if let Some(value) = record.submission.request.get(*name) {
            answer.insert((*name).to_owned(), value.clone());
        }
    }
    if let Some(parameters) = record.submission.request.get("Parameters") {
        answer.insert("QueryParameters".to_owned(), parameters.clone());
    }
    answer
}

fn add_state(answer: &mut Map<String, Value>, record: &Record, progress: Option<&Progress>) {
    let (status, updated_at, process_id) = match (&record.outcome, progress) {
        (Some(outcome), _) => (
            outcome.status.as_str(),
            outcome.ended_at,
            outcome.summary.process_id,
        ),
        (None, Some(progress)) => (progress.status, progress.updated_at, progress.process_id),
        (None, None) => ("SUBMITTED", record.submission.created_at, 0),
    };
    answer.insert("Status".to_owned(), json!(status));
    answer.insert("UpdatedAt".to_owned(), epoch(updated_at));
    answer.insert("RedshiftPid".to_owned(), json!(process_id));
    if let Some(error) = record
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.summary.error.as_ref())
    {
        answer.insert("Error".to_owned(), json!(error));
    }
}

fn part(record: &Record, progress: Option<&Progress>, index: usize) -> Value {
    let submission = &record.submission;
    let ended = record
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.summary.sub_statements.get(index));
    let status = ended.map_or_else(
        || {
            progress
                .and_then(|progress| progress.sub_statements.get(&index))
                .copied()
                .unwrap_or("SUBMITTED")
        },
        |ended| ended.status.as_str(),
    );
    let duration = ended.map_or_else(|| running_nanos(progress, status), |ended| ended.duration_nanos);
    let updated_at = ended.map_or_else(
        || progress.map_or(submission.created_at, |progress| progress.updated_at),
        |ended| ended.updated_at,
    );
    let query_id = submission.query_ids.get(index).copied().unwrap_or(-1);
    let mut part = json!({
        "Id": format!("{}:{}", submission.id, index + 1),
        "CreatedAt": epoch(submission.created_at),
        "UpdatedAt": epoch(updated_at),
        "Status": status,
        "QueryString": sql::without_credentials(&submission.sqls[index]),
        "Duration": duration,
        "ResultRows": ended.map_or(-1, |ended| ended.rows),
        "ResultSize": ended.map_or(-1, |ended| ended.result_bytes),
        "HasResultSet": ended.is_some_and(|ended| ended.has_result_set),
        "RedshiftQueryId": if was_run(ended, status) { query_id } else { -1 },
    });
    if let Some(error) = ended.and_then(|ended| ended.error.as_ref()) {
        part["Error"] = json!(error);
    }
    part
}

fn was_run(ended: Option<&SubOutcome>, status: &str) -> bool {
    ended.is_some_and(|ended| ended.duration_nanos >= 0) || matches!(status, "STARTED" | "FINISHED")
}

fn running_nanos(progress: Option<&Progress>, status: &str) -> i64 {
    let started = progress
        .and_then(|progress| progress.started)
        .filter(|_| status == "STARTED");
    started.map_or(-1, |started| {
        i64::try_from(started.elapsed().as_nanos()).unwrap_or(i64::MAX)
    })
}
