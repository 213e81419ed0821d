//! What the Data API says of a statement and of its steps, in our words.

use std::time::Duration;

use aws_sdk_redshiftdata::operation::describe_statement::DescribeStatementOutput;
use aws_sdk_redshiftdata::types::{StatementStatusString, StatusString, SubStatementData};
use longshore_app::ports::{StatementReport, StatementRun, StepReport};

use super::sealed::without_keys;
use crate::classify::fault_of;

pub(super) fn report(seen: &DescribeStatementOutput) -> StatementReport {
    StatementReport {
        run: run_of_statement(seen.status()),
        error: seen.error().map(said),
        fault: seen.error().map(fault_of),
        duration: Duration::from_nanos(u64::try_from(seen.duration()).unwrap_or(0)),
        rows: u64::try_from(seen.result_rows()).ok(),
        query_id: query_id(seen.redshift_query_id()),
        steps: seen.sub_statements().iter().map(step).collect(),
    }
}

fn step(seen: &SubStatementData) -> StepReport {
    StepReport {
        run: run_of_step(seen.status()),
        error: seen.error().map(said),
        fault: seen.error().map(fault_of),
        rows: u64::try_from(seen.result_rows()).ok(),
        query_id: query_id(seen.redshift_query_id()),
    }
}

/// An error on one line, without keys: its position and its hint stand on lines of their own, which no mail and no table has room for.
fn said(error: &str) -> String {
    let error = without_keys(error);
    let lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// The service says 0 on the parent of a transaction and -1 where there is none.
fn query_id(id: i64) -> Option<i64> {
    (id > 0).then_some(id)
}

/// A word that the service may yet add is not an end.
pub(super) fn run_of_statement(status: Option<&StatusString>) -> StatementRun {
    match status {
        Some(StatusString::Finished) => StatementRun::Finished,
        Some(StatusString::Failed) => StatementRun::Failed,
        Some(StatusString::Aborted) => StatementRun::Aborted,
        _ => StatementRun::Running,
    }
}

fn run_of_step(status: Option<&StatementStatusString>) -> StatementRun {
    match status {
        Some(StatementStatusString::Finished) => StatementRun::Finished,
        Some(StatementStatusString::Failed) => StatementRun::Failed,
        Some(StatementStatusString::Aborted) => StatementRun::Aborted,
        _ => StatementRun::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line() {
        let error = "ERROR: schema \"api\" does not exist\n  Hint: Create it.\n\n  Position: 28";
        assert_eq!(
            said(error),
            "ERROR: schema \"api\" does not exist Hint: Create it. Position: 28"
        );
    }
}
