//! One statement on one connection.

use futures_util::{StreamExt, pin_mut};
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use crate::ObjectReader;
use crate::append::Append;
use crate::copy::{self, CopyContext};
use crate::error::error_chain;
use crate::result_set::ResultSet;
use crate::sql::{self, Classified, Rewritten, SqlError, StatementKind};
use crate::varbyte;

/// Where a statement runs and under which number.
pub(crate) struct Session<'a> {
    /// The connection that does the work.
    pub(crate) client: &'a Client,
    /// A connection whose writes stay when the work is rolled back.
    pub(crate) bookkeeping: &'a Client,
    /// Where COPY reads.
    pub(crate) objects: &'a dyn ObjectReader,
    /// The query's id in the system views.
    pub(crate) query_id: i64,
    /// The backend's process id.
    pub(crate) process_id: i32,
}

/// What a statement did.
#[derive(Debug, Default)]
pub(crate) struct Executed {
    /// Rows affected or returned; None when that means nothing.
    pub(crate) rows: Option<u64>,
    /// What it returned.
    pub(crate) result: Option<ResultSet>,
}

/// Why a statement failed, as Redshift would print it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct StatementError {
    /// What the caller is told.
    pub(crate) text: String,
    /// PostgreSQL's code, if the error is PostgreSQL's.
    pub(crate) state: Option<SqlState>,
    /// What a procedure wants, which is called again then.
    pub(crate) wish: Option<Wish>,
}

/// What a procedure needs before it can go on, raised with a code that no `WHEN OTHERS` catches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// This LOCK taken before the CALL; `longshore_local.lock_first` raises it.
    Lock(String),
    /// No transaction around the CALL, for a handler that rolls back and commits; `longshore_local.caught` raises it.
    NoTransaction,
}

impl StatementError {
    /// Redshift's form of a sentence.
    pub(crate) fn new(message: impl std::fmt::Display) -> Self {
        Self::known(format!("ERROR: {message}"))
    }

    /// A text that is in Redshift's form already. It is stored, so it must not quote a NUL.
    pub(crate) fn known(text: String) -> Self {
        Self {
            text: text.replace('\0', "\u{fffd}"),
            state: None,
            wish: None,
        }
    }

    /// An error of PostgreSQL about a text that is not the caller's.
    pub(crate) fn of_database(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(database) => Self {
                text: describe(database, None, None),
                state: Some(database.code().clone()),
                wish: None,
            },
            None => Self::new(error_chain(error)),
        }
    }
}

impl Session<'_> {
    /// Runs one statement.
    pub(crate) async fn execute(&self, text: &str) -> Result<Executed, StatementError> {
        let folded = sql::fold_quoted_names(text);
        let is_kept = folded != text && self.keeps_case().await?;
        let text = if is_kept { text } else { folded.as_str() };
        let explain = |error| self.explain_sql_error(text, &error);
        let classified = sql::classify(text).map_err(explain)?;
        match classified.kind {
            StatementKind::Copy => self.copy(text).await,
            StatementKind::PhysicalOnly => Ok(Executed::default()),
            StatementKind::OutsideTransaction if classified.name == "ALTER TABLE APPEND" => {
                let rows = Append::parse(text).map_err(explain)?.run(self.client).await?;
                Ok(Executed {
                    rows: Some(rows),
                    result: None,
                })
            }
            _ => {
                let rewritten = sql::rewrite(text, classified).map_err(explain)?;
                let executed = self.run(text, &rewritten, classified).await?;
                if classified.kind == StatementKind::CreateTable {
                    varbyte::keep_lengths(self.client, &rewritten.text).await?;
                }
                Ok(executed)
            }
        }
    }

    /// Whether quoted names keep their case. SHOW takes no snapshot, which a LOCK may have to come before.
    async fn keeps_case(&self) -> Result<bool, StatementError> {
        let query = "SHOW longshore.enable_case_sensitive_identifier";
        let messages = self.client.simple_query(query).await;
        let messages = messages.map_err(|error| StatementError::of_database(&error))?;
        Ok(messages.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row
                .get(0)
                .is_some_and(|value| ["true", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))),
            _ => false,
        }))
    }

    async fn copy(&self, text: &str) -> Result<Executed, StatementError> {
        let statement = copy::parse(text).map_err(|error| self.explain_sql_error(text, &error))?;
        let context = CopyContext {
            client: self.client,
            bookkeeping: self.bookkeeping,
            objects: self.objects,
            query_id: self.query_id,
            process_id: self.process_id,
        };
        let rows = copy::run(&context, &statement).await?;
        Ok(Executed {
            rows: Some(rows),
            result: None,
        })
    }

    async fn run(
        &self,
        text: &str,
        rewritten: &Rewritten,
        classified: Classified,
    ) -> Result<Executed, StatementError> {
        let explain = |error: tokio_postgres::Error| explain_database_error(text, rewritten, &error);
        let returns_rows = classified.kind == StatementKind::Query || classified.name == "CALL";
        let mut result = None;
        if returns_rows {
            let prepared = self.client.prepare(&rewritten.text).await.map_err(explain)?;
            let prefix = if classified.name == "SHOW" {
                sql::SETTING_PREFIX
            } else {
                ""
            };
            result = (!prepared.columns().is_empty()).then(|| ResultSet::new(prepared.columns(), prefix));
        }
        let stream = self
            .client
            .simple_query_raw(&rewritten.text)
            .await
            .map_err(explain)?;
        pin_mut!(stream);
        let mut affected = 0;
        while let Some(message) = stream.next().await {
            match message.map_err(explain)? {
                SimpleQueryMessage::Row(row) => keep_row(result.as_mut(), &row)?,
                SimpleQueryMessage::CommandComplete(count) => affected = count,
                _ => {}
            }
        }
        let counts = matches!(classified.kind, StatementKind::Change | StatementKind::Query);
        let returned = result
            .as_ref()
            .and_then(|result| u64::try_from(result.len()).ok());
        Ok(Executed {
            rows: returned.or(counts.then_some(affected)),
            result,
        })
    }

    fn explain_sql_error(&self, text: &str, error: &SqlError) -> StatementError {
        match error {
            SqlError::Syntax { message, offset } => {
                let position = sql::character_position(text, *offset);
                StatementError::known(format!("ERROR: {message}\n  Position: {position}"))
            }
            other => StatementError::new(other),
        }
    }
}

fn keep_row(result: Option<&mut ResultSet>, row: &SimpleQueryRow) -> Result<(), StatementError> {
    let kept = result.map_or(Ok(()), |result| result.push(row));
    kept.map_err(StatementError::new)
}

fn explain_database_error(
    text: &str,
    rewritten: &Rewritten,
    error: &tokio_postgres::Error,
) -> StatementError {
    let Some(database) = error.as_db_error() else {
        return StatementError::new(error_chain(error));
    };
    let position = match database.position() {
        Some(ErrorPosition::Original(position)) => Some(rewritten.original_position(text, *position)),
        _ => None,
    };
    let error = StatementError {
        text: describe(database, position, sql::affected_table(text).as_deref()),
        state: Some(database.code().clone()),
        wish: None,
    };
    match (database.message(), database.detail()) {
        ("longshore_local.lock_first", Some(lock)) => StatementError {
            wish: Some(Wish::Lock(lock.to_owned())),
            ..error
        },
        ("longshore_local.caught", caught) => StatementError {
            wish: Some(Wish::NoTransaction),
            ..StatementError::new(caught.unwrap_or_default())
        },
        _ => error,
    }
}

/// What Redshift may have understood and PostgreSQL has not.
fn not_supported(error: &DbError) -> Option<&'static str> {
    let is_navigation = *error.code() == SqlState::UNDEFINED_TABLE
        && error.message().starts_with("missing FROM-clause")
        || error
            .message()
            .ends_with("applied to type jsonb, which is not a composite type");
    is_navigation.then_some(
        "navigation into a SUPER value (value.field) is not supported by the local warehouse; \
         use JSON_EXTRACT_PATH_TEXT, or value['field']",
    )
}

/// The error as drivers of Redshift print it: the message, and the rest on lines of their own.
fn describe(error: &DbError, position: Option<usize>, table: Option<&str>) -> String {
    if *error.code() == SqlState::T_R_SERIALIZATION_FAILURE {
        let table = table.map_or_else(|| "in Redshift".to_owned(), |table| format!("- {table}"));
        return format!("ERROR: 1023\n  Detail: Serializable isolation violation on table {table}");
    }
    let mut text = format!("ERROR: {}", error.message());
    let place = place_of(error);
    let parts = [
        ("Detail", error.detail()),
        ("Hint", error.hint()),
        ("Where", place.as_deref()),
        ("Note", not_supported(error)),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            text.push_str(&format!("\n  {name}: {part}"));
        }
    }
    if let Some(position) = position {
        text.push_str(&format!("\n  Position: {position}"));
    }
    text
}

/// Where it happened, without functions of ours: Redshift has none of them.
fn place_of(error: &DbError) -> Option<String> {
    let is_theirs = |line: &&str| !line.contains("function longshore_local.");
    let lines: Vec<&str> = error.where_()?.lines().filter(is_theirs).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
