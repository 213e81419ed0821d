//! What a load transaction's report means for its load.

use longshore_domain::fault::WarehouseFault;
use longshore_domain::statement::LoadStep;

use crate::plan::LoadPlan;
use crate::ports::{StatementReport, StatementRun};

/// How a load transaction came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoadOutcome {
    /// It committed.
    Committed {
        /// Rows moved into the target.
        rows_loaded: Option<u64>,
        /// The warehouse's id of the COPY, for its load views.
        copy_query_id: Option<i64>,
    },
    /// The guard failed: because it found this load's marker, or for some other reason. The marker itself must be asked.
    GuardFailed {
        /// The warehouse's error text.
        error: String,
        /// What it means.
        fault: WarehouseFault,
    },
    /// It failed and left nothing.
    Failed {
        /// The step that failed, when the service says.
        step: Option<LoadStep>,
        /// The warehouse's error text.
        error: String,
        /// What it means.
        fault: WarehouseFault,
        /// The warehouse's id of the COPY, when that is what failed.
        copy_query_id: Option<i64>,
    },
    /// It was cancelled and left nothing.
    Aborted {
        /// The warehouse's error text.
        error: String,
    },
}

impl LoadOutcome {
    /// The warehouse's id of the COPY, for its load views.
    pub(super) fn copy_query_id(&self) -> Option<i64> {
        match self {
            Self::Committed { copy_query_id, .. } | Self::Failed { copy_query_id, .. } => *copy_query_id,
            Self::GuardFailed { .. } | Self::Aborted { .. } => None,
        }
    }
}

/// Reads a report of a statement that ended.
pub(super) fn of(report: &StatementReport, plan: &LoadPlan) -> LoadOutcome {
    let step_report = |step| plan.index_of(step).and_then(|index| report.steps.get(index));
    let copy_query_id = step_report(LoadStep::Copy).and_then(|copy| copy.query_id);
    match report.run {
        StatementRun::Finished => LoadOutcome::Committed {
            rows_loaded: rows_moved(report, plan),
            copy_query_id,
        },
        StatementRun::Aborted => LoadOutcome::Aborted {
            error: error_of(report, None),
        },
        StatementRun::Failed | StatementRun::Running => {
            let failed = report
                .steps
                .iter()
                .position(|step| step.run == StatementRun::Failed);
            let step = failed.and_then(|index| plan.steps.get(index)).copied();
            if step == Some(LoadStep::Guard) {
                return LoadOutcome::GuardFailed {
                    error: error_of(report, failed),
                    fault: fault_of(report, failed),
                };
            }
            LoadOutcome::Failed {
                step,
                error: blamed(plan, failed, error_of(report, failed)),
                fault: fault_of(report, failed),
                copy_query_id: failed
                    .filter(|_| step == Some(LoadStep::Copy))
                    .and_then(|index| report.steps.get(index)?.query_id),
            }
        }
    }
}

/// What the inserts moved; where a file has columns filled in the stage, that is counted before and not again.
fn rows_moved(report: &StatementReport, plan: &LoadPlan) -> Option<u64> {
    let sections = plan.sections.len().max(1);
    (0..sections)
        .map(|section| {
            let is_insert = |index: &usize| {
                plan.steps[*index] == LoadStep::Insert
                    && plan.section_of.get(*index).is_none_or(|of| *of == Some(section))
            };
            let index = (0..plan.steps.len()).find(is_insert)?;
            report.steps.get(index)?.rows
        })
        .sum()
}

/// Of a set, whose files the failing statement was about.
fn blamed(plan: &LoadPlan, failed: Option<usize>, error: String) -> String {
    let section = failed
        .and_then(|index| *plan.section_of.get(index)?)
        .and_then(|section| plan.sections.get(section));
    match section {
        Some(section) => format!("rule {} ({}): {error}", section.rule, section.table),
        None => error,
    }
}

fn fault_of(report: &StatementReport, failed: Option<usize>) -> WarehouseFault {
    let of_step = failed
        .and_then(|index| report.steps.get(index))
        .and_then(|step| step.fault);
    of_step.or(report.fault).unwrap_or(WarehouseFault::Unknown)
}

fn error_of(report: &StatementReport, failed: Option<usize>) -> String {
    let of_step = failed
        .and_then(|index| report.steps.get(index))
        .and_then(|step| step.error.clone());
    of_step
        .or_else(|| report.error.clone())
        .unwrap_or_else(|| "the warehouse gave no reason".to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use longshore_domain::target::{Compute, Login, TableName, Warehouse};

    use super::*;
    use crate::ports::StepReport;

    pub(in crate::finish) fn plan() -> LoadPlan {
        use LoadStep::{Copy, Count, Guard, Insert, Lock, Marker, Stage};
        LoadPlan {
            warehouse: Warehouse {
                compute: Compute::Cluster("c".to_owned()),
                database: "d".to_owned(),
                login: Login::CallerIdentity,
                iam_role: "r".to_owned(),
                region: "e".to_owned(),
            },
            table: TableName::new("s", "t"),
            follow_up: None,
            follow_up_steps: vec![],
            follow_up_repeats: false,
            retry: longshore_domain::retry::RetryPolicy::default(),
            on_bad_file: longshore_domain::rule::OnBadFile::default(),
            max_errors: Some(0),
            load_id_column: None,
            encryption_secret: None,
            mode: longshore_domain::rule::LoadMode::Append,
            vacuum_rows: None,
            sections: vec![],
            section_of: vec![],
            blank_lines: 0,
            steps: vec![Lock, Guard, Stage, Copy, Count, Insert, Marker],
            statements: vec![],
        }
    }

    fn report(run: StatementRun, failing: Option<LoadStep>) -> StatementReport {
        let failing = failing.and_then(|step| plan().index_of(step));
        let step = |index: usize| StepReport {
            run: match failing {
                Some(failed) if index == failed => StatementRun::Failed,
                Some(failed) if index > failed => StatementRun::Aborted,
                _ => StatementRun::Finished,
            },
            error: (failing == Some(index)).then(|| "ERROR: division by zero".to_owned()),
            fault: (failing == Some(index)).then_some(WarehouseFault::Data),
            rows: Some(index as u64),
            query_id: Some(100 + index as i64),
        };
        StatementReport {
            run,
            error: None,
            fault: None,
            duration: Duration::ZERO,
            rows: None,
            query_id: None,
            steps: (0..7).map(step).collect(),
        }
    }

    #[test]
    fn a_committed_transaction_loaded_what_its_insert_moved() {
        let outcome = of(&report(StatementRun::Finished, None), &plan());
        assert_eq!(
            outcome,
            LoadOutcome::Committed {
                rows_loaded: Some(5),
                copy_query_id: Some(103)
            }
        );
    }

    #[test]
    fn the_guards_failure_is_told_from_the_counts() {
        let guard = of(&report(StatementRun::Failed, Some(LoadStep::Guard)), &plan());
        assert!(matches!(guard, LoadOutcome::GuardFailed { .. }), "{guard:?}");
        let count = of(&report(StatementRun::Failed, Some(LoadStep::Count)), &plan());
        assert!(
            matches!(
                count,
                LoadOutcome::Failed {
                    step: Some(LoadStep::Count),
                    ..
                }
            ),
            "{count:?}"
        );
    }

    #[test]
    fn a_failed_copy_brings_the_query_to_ask_about_its_rows() {
        let outcome = of(&report(StatementRun::Failed, Some(LoadStep::Copy)), &plan());
        let LoadOutcome::Failed {
            copy_query_id,
            error,
            fault,
            ..
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert_eq!(copy_query_id, Some(103));
        assert_eq!(error, "ERROR: division by zero");
        assert_eq!(fault, WarehouseFault::Data);
    }
}
