//! The audit row of a load, in the columns that operators have always read.

use longshore_store::{AuditRow, AuditStatus, Load, Statement};

use crate::{App, AppError};

/// What the audit says of an outcome, or nothing when it is not known which feed the file belongs to. `statement` is the
/// attempt that decided it, when it came as far as the warehouse.
pub(crate) async fn row(
    app: &App,
    load: &Load,
    status: AuditStatus,
    statement: Option<&Statement>,
) -> Result<Option<AuditRow>, AppError> {
    let Some(rule) = load.rule else { return Ok(None) };
    let rule = app.store.rule(rule).await?;
    let local_now = app.config.local_time(app.clock.now());
    Ok(Some(AuditRow {
        status,
        process_date: local_now,
        start_time: app.config.local_time(load.received_at),
        end_time: local_now,
        merge_query: rule.as_ref().and_then(|rule| rule.query.clone()),
        escape_char: rule.as_ref().and_then(|rule| rule.escape_char.clone()),
        statement_id: statement.and_then(|statement| statement.statement_id.clone()),
        load_duration: statement.and_then(|statement| statement.duration),
    }))
}
