//! Running a failed load's follow-up again, from one of its steps on.
//!
//! The next try is put on record with the step that it is to be at, and left to the reconciler: what sends and settles it is what would
//! have after a crash between record and submission. Only the role that ran a statement may describe it, so no operator sends it.

use longshore_domain::load::LoadState;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{AttemptRecord, Load};

use super::{Judged, Operate};
use crate::AppError;
use crate::plan::LoadPlan;
use crate::submit::newest;

/// How a follow-up would run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUpAgain {
    /// What would be done, for people.
    pub sentence: String,
    attempt: Attempt,
    record: AttemptRecord,
}

impl Operate<'_> {
    /// Whether a load's follow-up can run again, from the step that failed or another one, counted from 1.
    pub async fn judge_follow_up(
        &self,
        load: &Load,
        from: Option<u32>,
    ) -> Result<Judged<FollowUpAgain>, AppError> {
        if let Some(refused) = refusal(load) {
            return Ok(Err(refused));
        }
        let plan = LoadPlan::of(load)?;
        let statements = self.app.store.statements(load.id).await?;
        let Some(last) = newest(&statements, StatementKind::FollowUp) else {
            return Ok(Err("no try at its follow-up is on record".to_owned()));
        };
        let place = from.or(last.chain_step).unwrap_or(1);
        let Some(part) = plan.follow_up_at(place) else {
            let steps = plan.follow_up_steps.len().max(1);
            return Ok(Err(format!("its follow-up has no step {place}; it has {steps}")));
        };
        let attempt = Attempt {
            load: load.id,
            kind: StatementKind::FollowUp,
            number: last.attempt + 1,
        };
        let what = part
            .chain_step
            .map_or_else(String::new, |step| format!(" from step {step} on"));
        Ok(Ok(FollowUpAgain {
            sentence: format!("run its follow-up again{what}, as it was when the file was loaded"),
            record: AttemptRecord {
                client_token: attempt.client_token(),
                statement_name: attempt
                    .statement_name(&self.app.config.statement_prefix, load.trace.as_ref()),
                steps: vec![LoadStep::FollowUp],
                warehouse: plan.warehouse.to_string(),
                chain_step: part.chain_step,
                places: None,
            },
            attempt,
        }))
    }

    /// Puts the try on record; refused when somebody was faster.
    pub async fn follow_up_again(&self, again: &FollowUpAgain) -> Result<Judged<String>, AppError> {
        let now = self.app.clock.now();
        let store = &self.app.store;
        let moved = store
            .follow_up_again(&again.attempt, &again.record, self.operator, now)
            .await?;
        Ok(match moved.has_moved() {
            true => Ok(again.sentence.clone()),
            false => Err(format!("it is {} meanwhile; look again", moved.load().state)),
        })
    }
}

/// Why the follow-up of a load cannot run again, and what to do instead.
fn refusal(load: &Load) -> Option<String> {
    if let Some(batch) = load.batch {
        return Some(format!(
            "batch {batch} carries it and has the follow-up; run that again with: longshore load follow-up {batch} --why TEXT"
        ));
    }
    match load.state {
        LoadState::TransformFailed => None,
        LoadState::Transforming => Some(format!(
            "its follow-up is under way; wait for its end, or see: longshore load show {}",
            load.id
        )),
        LoadState::Complete => Some("its follow-up is done, or it has none".to_owned()),
        LoadState::Received
        | LoadState::Rejected
        | LoadState::Split
        | LoadState::Delivering
        | LoadState::Skipped
        | LoadState::Batched
        | LoadState::Prepared
        | LoadState::Queued
        | LoadState::Submitted
        | LoadState::Loaded
        | LoadState::Failed => Some(format!("it is {}: no follow-up of it failed", load.state)),
    }
}
