//! What the database knows of a statement: its submission and its outcome.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// A statement as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    /// The id that the caller got.
    pub(crate) id: Uuid,
    /// The name that the caller gave.
    pub(crate) name: Option<String>,
    /// Whether it came by BatchExecuteStatement.
    pub(crate) is_batch: bool,
    /// Whether its end is an event.
    pub(crate) with_event: bool,
    /// Its texts, before parameters are bound.
    pub(crate) sqls: Vec<String>,
    /// One id per text; they stand in the system views.
    pub(crate) query_ids: Vec<i64>,
    /// The request without its texts, for what Describe repeats.
    pub(crate) request: Value,
    /// When it was accepted.
    pub(crate) created_at: DateTime<Utc>,
}

/// What became of one text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SubOutcome {
    /// FINISHED, FAILED or ABORTED.
    pub(crate) status: String,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// Rows affected or returned; -1 when that means nothing.
    pub(crate) rows: i64,
    /// Whether there are rows to fetch.
    pub(crate) has_result_set: bool,
    /// Bytes to fetch.
    pub(crate) result_bytes: i64,
    /// How long it ran.
    pub(crate) duration_nanos: i64,
    /// When it ended.
    pub(crate) updated_at: DateTime<Utc>,
}

/// What became of the whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// The backend that worked on it.
    pub(crate) process_id: i32,
    /// Each text's part, in order.
    pub(crate) sub_statements: Vec<SubOutcome>,
}

/// The end of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// FINISHED, FAILED or ABORTED.
    pub(crate) status: String,
    /// The details.
    pub(crate) summary: Summary,
    /// When.
    pub(crate) ended_at: DateTime<Utc>,
}

/// A statement and, if it has ended, how.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// As it was sent.
    pub(crate) submission: Submission,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
}

const COLUMNS: &str = "statement.statement_id, statement.statement_name, statement.is_batch, statement.with_event, \
                       statement.sqls, statement.query_ids, statement.request, statement.created_at, \
                       outcome.status, outcome.summary, outcome.ended_at";

const TABLES: &str = "longshore_local.statement LEFT JOIN longshore_local.outcome USING (statement_id)";

/// The service keeps a statement for a day after its end; the row goes with a later submission.
const KEPT: &str = "coalesce(outcome.ended_at > clock_timestamp() - interval '24 hours', true)";

/// What `submit` answered.
pub(crate) struct Accepted {
    /// The new statement's id, or that of the one that had the token.
    pub(crate) id: Uuid,
    /// Whether it is new.
    pub(crate) is_new: bool,
}

/// Writes a submission, once per client token.
pub(crate) async fn submit(
    client: &Client,
    submission: &Submission,
    client_token: Option<&str>,
) -> Result<Accepted, tokio_postgres::Error> {
    let query = "SELECT accepted_id, is_new FROM longshore_local.submit($1, $2, $3, $4, $5, $6, $7)";
    let row = client
        .query_one(
            query,
            &[
                &submission.id,
                &submission.name,
                &client_token,
                &submission.is_batch,
                &submission.with_event,
                &submission.sqls,
                &submission.request,
            ],
        )
        .await?;
    Ok(Accepted {
        id: row.get(0),
        is_new: row.get(1),
    })
}

/// One statement.
pub(crate) async fn find(client: &Client, id: Uuid) -> Result<Option<Record>, tokio_postgres::Error> {
    let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE statement.statement_id = $1 AND {KEPT}");
    Ok(client.query_opt(&query, &[&id]).await?.as_ref().map(record))
}

/// All statements, the newest first.
pub(crate) async fn list(client: &Client, name_prefix: &str) -> Result<Vec<Record>, tokio_postgres::Error> {
    let query = format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE starts_with(coalesce(statement.statement_name, ''), $1) AND {KEPT} \
         ORDER BY statement.created_at DESC, statement.sequence DESC"
    );
    Ok(client
        .query(&query, &[&name_prefix])
        .await?
        .iter()
        .map(record)
        .collect())
}

/// Ids of all statements, and whether each has ended.
pub(crate) async fn ids(client: &Client) -> Result<Vec<(Uuid, bool)>, tokio_postgres::Error> {
    let query = "SELECT statement.statement_id, outcome.statement_id IS NOT NULL \
                 FROM longshore_local.statement LEFT JOIN longshore_local.outcome USING (statement_id) \
                 ORDER BY statement.sequence";
    Ok(client
        .query(query, &[])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect())
}

/// Writes how a statement ended, unless that is written; in the transaction of its work, this is what finishes it.
///
/// Waits for a transaction that has written it and not ended yet, so the answer afterwards is final.
pub(crate) async fn record_outcome(
    client: &Client,
    submission: &Submission,
    status: &str,
    summary: &Summary,
) -> Result<(), tokio_postgres::Error> {
    let query = "WITH ended AS (
            INSERT INTO longshore_local.outcome (statement_id, status, summary, ended_at)
            VALUES ($1, $2, $3, clock_timestamp())
            ON CONFLICT (statement_id) DO NOTHING
            RETURNING statement_id
        )
        INSERT INTO longshore_local.event_due (statement_id, event_id)
        SELECT statement_id, $4 FROM ended WHERE $5";
    let summary = serde_json::to_value(summary).unwrap_or_default();
    client
        .execute(
            query,
            &[
                &submission.id,
                &status,
                &summary,
                &Uuid::new_v4(),
                &submission.with_event,
            ],
        )
        .await?;
    Ok(())
}

/// Notes that the work of the first `count` texts is committed although the statement has not ended.
pub(crate) async fn record_partial_commit(
    client: &Client,
    id: Uuid,
    count: i32,
) -> Result<(), tokio_postgres::Error> {
    let query = "INSERT INTO longshore_local.partial_commit (statement_id, committed_through) VALUES ($1, $2)
        ON CONFLICT (statement_id) DO UPDATE SET committed_through = excluded.committed_through";
    client.execute(query, &[&id, &count]).await.map(|_| ())
}

/// Whether a part of the statement's work is committed, so that it cannot run again.
pub(crate) async fn is_partly_committed(client: &Client, id: Uuid) -> Result<bool, tokio_postgres::Error> {
    let query = "SELECT 1 FROM longshore_local.partial_commit WHERE statement_id = $1";
    Ok(client.query_opt(query, &[&id]).await?.is_some())
}

/// The id of the event that is still to be handed over.
pub(crate) async fn event_due(client: &Client, id: Uuid) -> Result<Option<Uuid>, tokio_postgres::Error> {
    let query = "SELECT event_id FROM longshore_local.event_due WHERE statement_id = $1";
    Ok(client.query_opt(query, &[&id]).await?.map(|row| row.get(0)))
}

/// Notes that the event was handed over.
pub(crate) async fn event_delivered(client: &Client, id: Uuid) -> Result<(), tokio_postgres::Error> {
    client
        .execute(
            "DELETE FROM longshore_local.event_due WHERE statement_id = $1",
            &[&id],
        )
        .await
        .map(|_| ())
}

fn record(row: &Row) -> Record {
    let submission = Submission {
        id: row.get(0),
        name: row.get(1),
        is_batch: row.get(2),
        with_event: row.get(3),
        sqls: row.get(4),
        query_ids: row.get(5),
        request: row.get(6),
        created_at: row.get(7),
    };
    let status: Option<String> = row.get(8);
    let outcome = status.map(|status| Outcome {
        status,
        summary: serde_json::from_value(row.get(9)).unwrap_or_else(|_| Summary {
            error: None,
            process_id: 0,
            sub_statements: Vec::new(),
        }),
        ended_at: row.get(10),
    });
    Record { submission, outcome }
}
