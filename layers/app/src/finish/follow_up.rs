//! Settling a follow-up statement.

use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::statement::{Attempt, LoadStep};
use longshore_store::{AuditStatus, FollowUpEnd, Load, StatementOutcome, StatementState};
use tracing::info;

use super::FinishStatement;
use crate::ports::{StatementReport, StatementRun};
use crate::{AppError, notify};

impl FinishStatement<'_> {
    /// The audit row learns how the follow-up ended; a failure is told, since the success of the load was told before.
    pub(super) async fn settle_follow_up(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
        report: &StatementReport,
    ) -> Result<Load, AppError> {
        // The event may be faster than the note that the follow-up was submitted, never faster than the attempt's.
        if load.state != LoadState::Transforming {
            return Ok(load);
        }
        let now = self.app.clock.now();
        let (state, status) = match report.run {
            StatementRun::Finished => (StatementState::Finished, AuditStatus::Finished),
            StatementRun::Aborted => (StatementState::Aborted, AuditStatus::Aborted),
            StatementRun::Failed | StatementRun::Running => (StatementState::Failed, AuditStatus::Failed),
        };
        let error = (state != StatementState::Finished).then(|| {
            report
                .error
                .clone()
                .unwrap_or_else(|| "the warehouse gave no reason".to_owned())
        });
        let outcome = StatementOutcome {
            statement_id: Some(statement_id.to_owned()),
            state,
            error: error.clone(),
            failed_step: error.as_ref().map(|_| LoadStep::FollowUp),
            result_rows: report.rows,
            query_id: report.query_id,
            duration: Some(report.duration),
        };
        self.app.store.finish_statement(attempt, &outcome, now).await?;
        let notices = match &error {
            None => vec![],
            Some(error) => {
                let told = Load {
                    error: Some(error.clone()),
                    error_code: Some("follow_up_failed".to_owned()),
                    ..load.clone()
                };
                vec![notify::notice(self.app, &told, Outcome::FollowUpFailed)]
            }
        };
        let end = FollowUpEnd {
            status,
            error,
            statement_id: Some(statement_id.to_owned()),
            duration: Some(report.duration),
            process_date: self.app.config.local_time(now),
            notices,
        };
        let moved = self
            .app
            .store
            .finish_follow_up(load.id, &end, now, self.actor())
            .await?;
        info!(
            end = status.as_str(),
            "the follow-up of {} ended", load.object.key
        );
        Ok(moved.into_load())
    }
}
