//! ExecuteStatement, BatchExecuteStatement and CancelStatement.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::describe::{epoch, load, wait_if_asked};
use super::request::Request;
use crate::session::{MOST_SESSIONS, OpenSession};
use crate::store::{self, Submission};
use crate::warehouse::{Inner, Place};
use crate::{ApiError, sql};

const MOST_STATEMENTS: usize = 40;
const MOST_ACTIVE: usize = 500;
/// 100 KB per text: <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>.
const MOST_BYTES: usize = 100 * 1024;
const MOST_KEEP_ALIVE_SECONDS: i64 = 24 * 60 * 60;
const RESULT_FORMATS: [&str; 2] = ["JSON", "CSV"];
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// Fields of a request that Describe and List repeat.
const REPEATED: [&str; 8] = [
    "ClusterIdentifier",
    "WorkgroupName",
    "Database",
    "DbUser",
    "SecretArn",
    "Parameters",
    "ExecutionMode",
    "ResultFormat",
];

/// ExecuteStatement.
pub(super) async fn execute(inner: &Arc<Inner>, request: &Request<'_>) -> Result<Value, ApiError> {
    let text = request.required_text("Sql")?.to_owned();
    submit(inner, request, vec![text], false).await
}

/// BatchExecuteStatement.
pub(super) async fn batch_execute(inner: &Arc<Inner>, request: &Request<'_>) -> Result<Value, ApiError> {
    let texts = request.required_texts("Sqls")?;
    if texts.is_empty() || texts.len() > MOST_STATEMENTS {
        return Err(ApiError::validation(format!(
            "Value at 'sqls' failed to satisfy constraint: Member must have length between 1 and {MOST_STATEMENTS}"
        )));
    }
    match request.text("ExecutionMode")? {
        None | Some("TRANSACTION" | "AUTO_COMMIT") => submit(inner, request, texts, true).await,
        Some(mode) => Err(ApiError::not_in_enum(
            "executionMode",
            mode,
            &["TRANSACTION", "AUTO_COMMIT"],
        )),
    }
}

async fn submit(
    inner: &Arc<Inner>,
    request: &Request<'_>,
    texts: Vec<String>,
    is_batch: bool,
) -> Result<Value, ApiError> {
    check_options(request)?;
    check_parameters_are_used(request, &texts)?;
    let sqls = texts
        .iter()
        .map(|text| single(text))
        .collect::<Result<Vec<_>, _>>()?;
    if inner.live_count() >= MOST_ACTIVE {
        return Err(ApiError::too_many_statements(MOST_ACTIVE));
    }
    let ticket = Ticket::take(inner, request)?;
    let submission = Submission {
        id: Uuid::new_v4(),
        name: request.text("StatementName")?.map(str::to_owned),
        is_batch,
        with_event: request.flag("WithEvent")?,
        sqls,
        query_ids: Vec::new(),
        request: ticket.repeated(request),
        created_at: Utc::now(),
    };
    if let Some((_, session)) = &ticket.session {
        session.runs(submission.id);
    }
    let client_token = request.text("ClientToken")?;
    let accepted = accept(inner, &ticket.place, &submission, client_token).await;
    let is_new = matches!(accepted, Ok((_, true)));
    if !is_new && let Some((_, session)) = &ticket.session {
        // Nothing will run in it on behalf of this call.
        session.leave();
    }
    let (id, _) = accepted?;
    wait_if_asked(inner, request, id).await?;
    answer(inner, id).await
}

fn check_options(request: &Request<'_>) -> Result<(), ApiError> {
    if let Some(format) = request
        .text("ResultFormat")?
        .filter(|format| !RESULT_FORMATS.contains(format))
    {
        return Err(ApiError::not_in_enum("resultFormat", format, &RESULT_FORMATS));
    }
    if request
        .text("ClientToken")?
        .is_some_and(|token| token.is_empty() || token.len() > 64)
    {
        return Err(ApiError::validation(
            "Value at 'clientToken' failed to satisfy constraint: Member must have length between 1 and 64",
        ));
    }
    if request
        .text("StatementName")?
        .is_some_and(|name| name.len() > 2048)
    {
        return Err(ApiError::validation(
            "Value at 'statementName' failed to satisfy constraint: Member must have length less than or equal to 2048",
        ));
    }
    request.check_parameters()
}

/// A text holds one statement. One that cannot be read at all is accepted, and fails when it runs, as with Redshift.
fn single(text: &str) -> Result<String, ApiError> {
    if text.len() > MOST_BYTES {
        return Err(ApiError::validation(format!(
            "Cannot run a query longer than {MOST_BYTES} bytes"
        )));
    }
    match sql::single_statement(text) {
        Ok(Some(_)) | Err(_) => Ok(text.to_owned()),
        Ok(None) if text.trim().is_empty() => Err(ApiError::validation("SQL statement is empty")),
        Ok(None) => Err(ApiError::validation(
            "Exactly one SQL statement is expected; use BatchExecuteStatement for several",
        )),
    }
}

/// Every parameter must be used by at least one text, and every text may use those that there are.
fn check_parameters_are_used(request: &Request<'_>, texts: &[String]) -> Result<(), ApiError> {
    let given: Vec<&str> = request
        .get("Parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item["name"].as_str())
        .collect();
    let mut used = Vec::new();
    for text in texts {
        // What cannot be read fails when it runs.
        used.extend(sql::parameters(text).unwrap_or_default());
    }
    if let Some(unknown) = used.iter().find(|name| !given.contains(&name.as_str())) {
        return Err(ApiError::validation(format!("Cannot find parameter: {unknown}")));
    }
    match given.iter().find(|name| !used.iter().any(|used| used == *name)) {
        Some(unused) => Err(ApiError::validation(format!(
            "Parameters list contains unused parameters. Unused parameters: [{unused}]"
        ))),
        None => Ok(()),
    }
}

/// Where a submission runs, and in which session.
struct Ticket {
    place: Place,
    session: Option<(Uuid, Arc<OpenSession>)>,
}

impl Ticket {
    fn take(inner: &Inner, request: &Request<'_>) -> Result<Self, ApiError> {
        let keep_alive = request.number("SessionKeepAliveSeconds", 0, MOST_KEEP_ALIVE_SECONDS)?;
        let keep_alive = keep_alive.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
        let id = match (request.text("SessionId")?, keep_alive) {
            (None, None) => {
                let place = request.place(inner)?;
                return Ok(Self { place, session: None });
            }
            (Some(id), _) => Uuid::try_parse(id).map_err(|_| session_unknown(id))?,
            (None, Some(keep_alive)) => {
                let place = request.place(inner)?;
                let opened = inner.sessions.open(place.clone(), keep_alive, repeated(request));
                let session = opened.ok_or_else(|| ApiError::too_many_sessions(MOST_SESSIONS))?;
                return Ok(Self {
                    place,
                    session: Some(session),
                });
            }
        };
        let session = inner.sessions.find(id).ok_or_else(|| session_unknown(id))?;
        check_session_place(inner, request, &session)?;
        if !session.enter(keep_alive) {
            return Err(ApiError::validation(format!(
                "Session {id} is busy: another statement runs in it"
            )));
        }
        Ok(Self {
            place: session.place.clone(),
            session: Some((id, session)),
        })
    }

    /// What Describe and List say again, and what the run must know.
    fn repeated(&self, request: &Request<'_>) -> Value {
        let mut fields = repeated(request);
        if let Some((id, _)) = &self.session {
            fields["SessionId"] = json!(id.to_string());
        }
        fields
    }
}

fn repeated(request: &Request<'_>) -> Value {
    let field = |name: &&str| request.get(name).map(|value| ((*name).to_owned(), value.clone()));
    Value::Object(REPEATED.iter().filter_map(field).collect())
}

fn session_unknown(id: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("Session {id} is not available"))
}

/// A session's statements need no database, and may name no other one.
fn check_session_place(inner: &Inner, request: &Request<'_>, session: &OpenSession) -> Result<(), ApiError> {
    let names_cluster = request.get("ClusterIdentifier").is_some() || request.get("WorkgroupName").is_some();
    let is_elsewhere = names_cluster && request.cluster(inner)? != session.place.cluster
        || request
            .text("Database")?
            .is_some_and(|database| database != session.place.database);
    if is_elsewhere {
        return Err(ApiError::validation(
            "The session was opened on another cluster, workgroup or database",
        ));
    }
    Ok(())
}

async fn accept(
    inner: &Arc<Inner>,
    place: &Place,
    submission: &Submission,
    client_token: Option<&str>,
) -> Result<(Uuid, bool), ApiError> {
    let client = inner
        .bookkeeping(place)
        .await
        .map_err(|error| database_error(&place.database, &error))?;
    let accepted = store::submit(&client, submission, client_token)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    inner.remember_place(accepted.id, place);
    if accepted.is_new {
        let record = store::find(&client, accepted.id)
            .await
            .map_err(|error| ApiError::internal(&error))?;
        if let Some(record) = record {
            inner.start(place.clone(), record.submission);
        }
    }
    Ok((accepted.id, accepted.is_new))
}

/// A database that does not exist is the caller's mistake, anything else is ours.
pub(super) fn database_error(database: &str, error: &crate::OpenError) -> ApiError {
    use tokio_postgres::error::SqlState;
    match error {
        crate::OpenError::DatabaseUnreachable { source, .. }
            if source.code() == Some(&SqlState::UNDEFINED_DATABASE) =>
        {
            ApiError::validation(format!("FATAL: database \"{database}\" does not exist"))
        }
        other => ApiError::database(other),
    }
}

async fn answer(inner: &Inner, id: Uuid) -> Result<Value, ApiError> {
    let record = load(inner, id).await?;
    let mut answer = Map::new();
    for name in [
        "ClusterIdentifier",
        "WorkgroupName",
        "Database",
        "DbUser",
        "SecretArn",
        "SessionId",
    ] {
        if let Some(value) = record.submission.request.get(name) {
            answer.insert(name.to_owned(), value.clone());
        }
    }
    answer.insert("Id".to_owned(), json!(id.to_string()));
    answer.insert("CreatedAt".to_owned(), epoch(record.submission.created_at));
    let live_status = inner.live(id).map_or("SUBMITTED", |live| live.progress().status);
    let status = record
        .outcome
        .as_ref()
        .map_or(live_status, |outcome| outcome.status.as_str());
    answer.insert("Status".to_owned(), json!(status));
    if let Some(outcome) = &record.outcome {
        let has_result_set = outcome
            .summary
            .sub_statements
            .iter()
            .any(|sub| sub.has_result_set);
        answer.insert("HasResultSet".to_owned(), json!(has_result_set));
        answer.insert("RedshiftPid".to_owned(), json!(outcome.summary.process_id));
    }
    Ok(Value::Object(answer))
}

/// CancelStatement: returns once the statement has ended, one way or the other.
pub(super) async fn cancel(inner: &Arc<Inner>, request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.statement_id()?.id;
    load(inner, id).await?;
    if let Some(live) = inner.live(id) {
        live.cancel();
        if tokio::time::timeout(CANCEL_PATIENCE, live.until_ended())
            .await
            .is_err()
        {
            return Ok(json!({ "Status": false }));
        }
    }
    let record = load(inner, id).await?;
    match record.outcome {
        Some(outcome) if outcome.status == "ABORTED" => Ok(json!({ "Status": true })),
        Some(outcome) => Err(ApiError::validation(format!(
            "Could not cancel a query that is already in {} state",
            outcome.status
        ))),
        None => Ok(json!({ "Status": false })),
    }
}
