//! How the work goes: warehouses and rules that are paused, markers that differ, snapshots that fail, files that are late, loads and
//! messages that have waited for long.

use chrono::Utc;
use longshore_app::with_causes;
use longshore_store::{
    LIST_LIMIT, MarkerDifference, PausedRule, SnapshotStanding, Store, StoreError, Vitals, WarehouseStanding,
};

use super::finding::Finding;
use crate::commands::cells::moment;

const WORK: &str = "work";
/// A load that has been under way for longer deserves a look, as the template's alarm has it.
const OLD_LOAD_SECONDS: f64 = 7200.0;
/// So does a message that was not sent.
const OLD_MESSAGE_SECONDS: f64 = 1800.0;

/// What stands in the way of the work that is under way.
pub(super) async fn examine(store: &Store) -> Vec<Finding> {
    match look(store).await {
        Ok(findings) if findings.is_empty() => {
            vec![Finding::sound(WORK, "nothing waits that should not")]
        }
        Ok(findings) => findings,
        Err(error) => vec![Finding::fault(WORK, with_causes(&error), "longshore migrate")],
    }
}

async fn look(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut findings = paused(&store.warehouses().await?);
    findings.extend(store.paused_rules().await?.iter().map(paused_rule));
    findings.extend(differing(&store.differences(false).await?));
    let snapshots = store.snapshot_standings(None, LIST_LIMIT).await?;
    findings.extend(snapshots.iter().filter_map(failing));
    let vitals = store.vitals(Utc::now()).await?;
    findings.extend(late(&vitals));
    findings.extend(waiting(&vitals));
    Ok(findings)
}

fn paused(warehouses: &[WarehouseStanding]) -> Vec<Finding> {
    let found = warehouses.iter().filter_map(|warehouse| {
        let seen = format!(
            "{} is paused since {}, {} loads wait: {}",
            warehouse.warehouse,
            moment(warehouse.paused_at?),
            warehouse.waiting,
            warehouse.last_error.as_deref().unwrap_or_default()
        );
        let mend = "mend what it says; it is tried again by itself, and at once by: longshore warehouse resume NAME --why TEXT";
        Some(Finding::fault(WORK, seen, mend))
    });
    found.collect()
}

/// Somebody wanted it so. Whoever looks why files are not loaded should know.
fn paused_rule(rule: &PausedRule) -> Finding {
    let since = rule.since.map(|since| format!(" since {}", moment(since)));
    let by = rule.by.as_ref().map(|by| format!(", by {by}"));
    let why = rule.why.as_ref().map(|why| format!(": {why}"));
    let seen = format!(
        "rule {} is paused{}{}, {} loads wait{}",
        rule.rule,
        since.unwrap_or_default(),
        by.unwrap_or_default(),
        rule.waiting,
        why.unwrap_or_default()
    );
    let mend = format!(
        "when its files may come again: longshore rule resume {} --why TEXT",
        rule.rule
    );
    Finding::notice(WORK, seen, mend)
}

fn differing(open: &[MarkerDifference]) -> Option<Finding> {
    let seen = format!(
        "loads about which the ledger and the markers differ: {}",
        open.len()
    );
    (!open.is_empty()).then(|| Finding::fault(WORK, seen, "longshore marker list"))
}

/// A table whose last run failed; `None` of one that goes well.
fn failing(table: &SnapshotStanding) -> Option<Finding> {
    let error = table
        .error
        .as_ref()
        .filter(|_| table.in_operation && table.failures > 0)?;
    let seen = format!(
        "the snapshots of table {} of rule {} failed {} times in a row, the last time for this: {error}",
        table.table, table.rule, table.failures
    );
    let mend = format!(
        "mend what it says; the next run tries again: longshore snapshot list --rule {}",
        table.rule
    );
    Some(Finding::fault(WORK, seen, mend))
}

fn late(vitals: &Vitals) -> Option<Finding> {
    let seen = format!(
        "times at which fewer files had come than a rule expects: {}",
        vitals.late_periods
    );
    (vitals.late_periods > 0).then(|| Finding::notice(WORK, seen, "ask their senders: longshore late list"))
}

fn waiting(vitals: &Vitals) -> Vec<Finding> {
    let older = |seconds: Option<f64>, most: f64| seconds.filter(|seconds| *seconds > most);
    let minutes = |seconds: f64| format!("{:.0} minutes", seconds / 60.0);
    let load = older(vitals.oldest_unfinished_seconds, OLD_LOAD_SECONDS).map(|seconds| {
        let seen = format!("the oldest load has been under way for {}", minutes(seconds));
        Finding::notice(WORK, seen, "longshore load list; docs/operate.md, Oldest load")
    });
    let message = older(vitals.oldest_unsent_seconds, OLD_MESSAGE_SECONDS).map(|seconds| {
        let seen = format!("a message has not been sent for {}", minutes(seconds));
        Finding::fault(
            WORK,
            seen,
            "longshore notify test says whether the topic takes messages",
        )
    });
    load.into_iter().chain(message).collect()
}

#[cfg(test)]
mod tests {
    use longshore_domain::rule::RuleId;

    use super::super::finding::Verdict;
    use super::*;

    fn vitals(oldest_load: f64, oldest_message: f64) -> Vitals {
        Vitals {
            unfinished: 1,
            oldest_unfinished_seconds: Some(oldest_load),
            waiting_retries: 0,
            late_periods: 0,
            paused_warehouses: 0,
            marker_differences: 0,
            oldest_unsent_seconds: Some(oldest_message),
        }
    }

    #[test]
    fn a_paused_rule_is_told_with_since_when_by_whom_and_why() {
        let mut rule = PausedRule {
            rule: RuleId(71),
            since: "2026-11-26T07:30:00Z".parse().ok(),
            by: Some("ann".to_owned()),
            why: Some("the sender mends his files".to_owned()),
            waiting: 12,
        };
        let found = paused_rule(&rule);
        assert_eq!(found.verdict, Verdict::Notice);
        assert_eq!(
            found.seen,
            "rule 71 is paused since 2026-11-26 07:30:00.000, by ann, 12 loads wait: the sender mends his files"
        );
        (rule.since, rule.by, rule.why) = (None, None, None);
        assert_eq!(paused_rule(&rule).seen, "rule 71 is paused, 12 loads wait");
    }

    #[test]
    fn files_that_are_late_are_told() {
        assert!(late(&vitals(0.0, 0.0)).is_none());
        let two = Vitals {
            late_periods: 2,
            ..vitals(0.0, 0.0)
        };
        let found = late(&two).unwrap();
        assert_eq!(
            found.seen,
            "times at which fewer files had come than a rule expects: 2"
        );
    }

    #[test]
    fn what_has_waited_for_long_is_told_and_what_is_fresh_is_not() {
        assert!(waiting(&vitals(60.0, 60.0)).is_empty());
        let found = waiting(&vitals(7260.0, 1860.0));
        let seen: Vec<_> = found
            .iter()
            .map(|found| (found.verdict, found.seen.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    Verdict::Notice,
                    "the oldest load has been under way for 121 minutes"
                ),
                (Verdict::Fault, "a message has not been sent for 31 minutes"),
            ]
        );
    }
}
