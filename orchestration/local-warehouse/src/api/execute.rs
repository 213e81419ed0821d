//! ExecuteStatement, BatchExecuteStatement and CancelStatement.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::describe::{epoch, load, wait_if_asked};
use super::request::Request;
use crate::session::{MOST_SESSIONS, OpenSession};
use crate::store::{self, Submission};
use crate::warehouse::{Inner, MOST_ACTIVE, Place};
use crate::{ApiError, sql};

const MOST_STATEMENTS: usize = 40;
/// 100 KB per text: <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>.
const MOST_BYTES: usize = 100 * 1024;
const MOST_KEEP_ALIVE_SECONDS: i64 = 24 * 60 * 60;
const RESULT_FORMATS: [&str; 2] = ["JSON", "CSV"];
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// Fields of a request that say where its statement runs, and as whom.
pub(super) const WHERE: [&str; 5] = [
    "ClusterIdentifier",
    "WorkgroupName",
    "Database",
    "DbUser",
    "SecretArn",
];

/// Other fields of a request that Describe and List repeat.
const REPEATED: [&str; 3] = ["Parameters", "ExecutionMode", "ResultFormat"];

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
    let name = request.text("StatementName")?.map(str::to_owned);
    let with_event = request.flag("WithEvent")?;
    let client_token = request.text("ClientToken")?;
    // From here on no return may forget to give it back.
    let ticket = Ticket::take(inner, request)?;
    let submission = Submission {
        id: Uuid::new_v4(),
        name,
        is_batch,
        with_event,
        sqls,
        query_ids: Vec::new(),
        request: ticket.repeated(request),
        created_at: Utc::now(),
    };
    if let Some((_, session)) = &ticket.session {
        session.runs(submission.id);
    }
    let accepted = accept(inner, &ticket.place, &submission, client_token).await;
    let id = match accepted {
        Ok(Accepted::New(submission)) => {
            let id = submission.id;
            inner.start(ticket.place, submission, ticket.active);
            id
        }
        Ok(Accepted::Repeated(id)) => {
            ticket.give_back(inner);
            id
        }
        Err(error) => {
            ticket.give_back(inner);
            return Err(error);
        }
    };
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

/// A session by its id.
type NamedSession = (Uuid, Arc<OpenSession>);

/// What a submission may use: a place on a cluster and among its active statements, and perhaps a session.
struct Ticket {
    place: Place,
    active: OwnedSemaphorePermit,
    session: Option<NamedSession>,
    /// Whether the session was there before.
    is_session_old: bool,
}

impl Ticket {
    fn take(inner: &Inner, request: &Request<'_>) -> Result<Self, ApiError> {
        let keep_alive = request.number("SessionKeepAliveSeconds", 0, MOST_KEEP_ALIVE_SECONDS)?;
        let keep_alive = keep_alive.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
        let old = request.text("SessionId")?;
        let old = old.map(|id| find_session(inner, request, id)).transpose()?;
        let place = match &old {
            Some((_, session)) => session.place.clone(),
            None => request.place(inner)?,
        };
        let active = inner.activate(&place);
        let active = active.ok_or_else(|| ApiError::too_many_statements(MOST_ACTIVE))?;
        let is_session_old = old.is_some();
        let session = match (old, keep_alive) {
            (Some(old), keep_alive) => Some(enter_session(old, keep_alive)?),
            (None, Some(keep_alive)) => Some(open_session(inner, request, &place, keep_alive)?),
            (None, None) => None,
        };
        Ok(Self {
            place,
            active,
            session,
            is_session_old,
        })
    }

    /// What Describe and List say again, and what the run must know.
    fn repeated(&self, request: &Request<'_>) -> Value {
        let mut fields = repeated(request, &REPEATED);
        match &self.session {
            // The statement need not say what its session knows.
            Some((id, session)) => {
                fields.insert("SessionId".to_owned(), json!(id.to_string()));
                fields.extend(session.request.clone());
            }
            None => fields.extend(repeated(request, &WHERE)),
        }
        Value::Object(fields)
    }

    /// Nothing will run on behalf of this call.
    fn give_back(self, inner: &Inner) {
        match self.session {
            Some((_, session)) if self.is_session_old => {
                session.leave();
            }
            Some((id, _)) => inner.sessions.forget(id),
            None => {}
        }
    }
}

fn repeated(request: &Request<'_>, names: &[&str]) -> Map<String, Value> {
    let field = |name: &&str| request.get(name).map(|value| ((*name).to_owned(), value.clone()));
    names.iter().filter_map(field).collect()
}

fn open_session(
    inner: &Inner,
    request: &Request<'_>,
    place: &Place,
    keep_alive: Duration,
) -> Result<NamedSession, ApiError> {
    let fields = repeated(request, &WHERE);
    let opened = inner.sessions.open(place.clone(), keep_alive, fields);
    opened.ok_or_else(|| ApiError::too_many_sessions(MOST_SESSIONS))
}

fn find_session(inner: &Inner, request: &Request<'_>, id: &str) -> Result<NamedSession, ApiError> {
    let id = Uuid::try_parse(id).map_err(|_| session_unknown(id))?;
    let session = inner.sessions.find(id).ok_or_else(|| session_unknown(id))?;
    check_session_place(inner, request, &session)?;
    Ok((id, session))
}

fn enter_session(
    (id, session): NamedSession,
    keep_alive: Option<Duration>,
) -> Result<NamedSession, ApiError> {
    if !session.enter(keep_alive) {
        return Err(ApiError::validation(format!(
            "Session {id} is busy: another statement runs in it"
        )));
    }
    Ok((id, session))
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

/// What became of a submission.
enum Accepted {
    /// It was written as it is now.
    New(Submission),
    /// A call before had its client token, and this is the statement of that call.
    Repeated(Uuid),
}

async fn accept(
    inner: &Inner,
    place: &Place,
    submission: &Submission,
    client_token: Option<&str>,
) -> Result<Accepted, ApiError> {
    let client = inner
        .bookkeeping(place)
        .await
        .map_err(|error| database_error(&place.database, &error))?;
    let accepted = store::submit(&client, submission, client_token)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    inner.remember_place(accepted.id, place);
    if !accepted.is_new {
        return Ok(Accepted::Repeated(accepted.id));
    }
    let record = store::find(&client, accepted.id)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let record =
        record.ok_or_else(|| ApiError::not_found(format!("Query does not exist: {}", accepted.id)))?;
    Ok(Accepted::New(record.submission))
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
    for name in WHERE.iter().chain(&["SessionId"]) {
        if let Some(value) = record.submission.request.get(*name) {
            answer.insert((*name).to_owned(), value.clone());
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
