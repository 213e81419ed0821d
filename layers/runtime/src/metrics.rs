//! Metrics as log lines, in CloudWatch's embedded metric format: no call, no permission, no library.
//!
//! They are read off the ledger, once a minute, by the reconciler. What finished is told minute by minute, and the same minute
//! always gets the same numbers: told twice, by two reconcilers or after one that missed a minute, it is the same datum, and
//! `Maximum` is its statistic. There are two dimensions, the function's name (which the deployment's is part of) and the state
//! that loads ended in.

use std::io::Write;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use longshore_app::{App, with_causes};
use longshore_store::{Minute, StoreError, Vitals};
use serde_json::{Map, Value, json};

use crate::settings::function_name;

/// The namespace of all our metrics.
pub const NAMESPACE: &str = "Longshore";
const FUNCTION: &str = "Function";
const STATE: &str = "State";
/// Whole minutes that are told each time, so that a run that is late or missing leaves no gap.
const MINUTES: i64 = 3;

/// One metric of a line.
struct Metric {
    name: &'static str,
    unit: &'static str,
    value: f64,
}

impl Metric {
    fn count(name: &'static str, value: i64) -> Self {
        Self::of(name, "Count", value)
    }

    #[expect(clippy::cast_precision_loss, reason = "CloudWatch keeps doubles")]
    fn of(name: &'static str, unit: &'static str, value: i64) -> Self {
        Self {
            name,
            unit,
            value: value as f64,
        }
    }

    fn seconds(name: &'static str, value: Option<f64>) -> Option<Self> {
        value.map(|value| Self {
            name,
            unit: "Seconds",
            value: value.max(0.0),
        })
    }
}

/// Writes how the work goes to stdout. That it cannot is told in the log and is no reason to fail: the next minute tells more.
pub async fn tell(app: &App, now: DateTime<Utc>) {
    let function = function_name().unwrap_or_else(|| "longshore".to_owned());
    match lines(app, &function, now).await {
        Ok(lines) => write(&lines),
        Err(error) => tracing::warn!("could not read the metrics: {}", with_causes(&error)),
    }
}

async fn lines(app: &App, function: &str, now: DateTime<Utc>) -> Result<Vec<Value>, StoreError> {
    let until = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    let minutes = app
        .store
        .minutes(until - TimeDelta::minutes(MINUTES), until)
        .await?;
    let vitals = app.store.vitals(now).await?;
    let mut lines = vec![vitals_line(function, now, &vitals)];
    lines.extend(minutes.iter().map(|minute| minute_line(function, minute)));
    Ok(lines)
}

fn vitals_line(function: &str, now: DateTime<Utc>, vitals: &Vitals) -> Value {
    // Nothing under way is an age of nothing: an alarm that has gone off must come to rest again.
    let age = |seconds: Option<f64>| Some(seconds.unwrap_or_default());
    let metrics = [
        Some(Metric::count("UnfinishedLoads", vitals.unfinished)),
        Metric::seconds("OldestUnfinishedLoad", age(vitals.oldest_unfinished_seconds)),
        Some(Metric::count("WaitingRetries", vitals.waiting_retries)),
        Some(Metric::count("LatePeriods", vitals.late_periods)),
        Some(Metric::count("PausedWarehouses", vitals.paused_warehouses)),
        Some(Metric::count("MarkerDifferences", vitals.marker_differences)),
        Metric::seconds("OldestUnsentMessage", age(vitals.oldest_unsent_seconds)),
    ];
    line(now, &[(FUNCTION, function)], metrics)
}

fn minute_line(function: &str, minute: &Minute) -> Value {
    let metrics = [
        Some(Metric::count("FinishedLoads", minute.loads)),
        Some(Metric::count("LoadedRows", minute.rows)),
        Some(Metric::of("LoadedBytes", "Bytes", minute.bytes)),
        Metric::seconds("PrepareTime", minute.prepare_seconds),
        Metric::seconds("WarehouseTime", minute.warehouse_seconds),
        Metric::seconds("SettleTime", minute.settle_seconds),
    ];
    let dimensions = [(FUNCTION, function), (STATE, minute.state.as_str())];
    line(minute.minute, &dimensions, metrics)
}

fn line<const N: usize>(
    at: DateTime<Utc>,
    dimensions: &[(&str, &str)],
    metrics: [Option<Metric>; N],
) -> Value {
    let mut line = Map::new();
    let mut definitions = Vec::new();
    for metric in metrics.into_iter().flatten() {
        definitions.push(json!({ "Name": metric.name, "Unit": metric.unit }));
        line.insert(metric.name.to_owned(), json!(metric.value));
    }
    for (name, value) in dimensions {
        line.insert((*name).to_owned(), json!(value));
    }
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let directive = json!({
        "Timestamp": at.timestamp_millis(),
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": definitions }],
    });
    line.insert("_aws".to_owned(), directive);
    Value::Object(line)
}

/// Each line in one write: CloudWatch Logs takes a line as an event, and half of one is no metric.
fn write(lines: &[Value]) {
    let mut stdout = std::io::stdout().lock();
    for line in lines {
        // Nobody is left to tell when stdout is closed.
        stdout.write_all(format!("{line}\n").as_bytes()).ok();
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::load::LoadState;

    use super::*;

    fn moment() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_040, 0).unwrap()
    }

    #[test]
    fn the_standing_is_one_line_and_nothing_under_way_is_an_age_of_nothing() {
        let vitals = Vitals {
            unfinished: 2,
            oldest_unfinished_seconds: Some(75.5),
            waiting_retries: 1,
            late_periods: 3,
            paused_warehouses: 0,
            marker_differences: 3,
            oldest_unsent_seconds: None,
        };
        let expected = json!({
            "_aws": {
                "Timestamp": 1_790_000_040_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Longshore",
                    "Dimensions": [["Function"]],
                    "Metrics": [
                        { "Name": "UnfinishedLoads", "Unit": "Count" },
                        { "Name": "OldestUnfinishedLoad", "Unit": "Seconds" },
                        { "Name": "WaitingRetries", "Unit": "Count" },
                        { "Name": "LatePeriods", "Unit": "Count" },
                        { "Name": "PausedWarehouses", "Unit": "Count" },
                        { "Name": "MarkerDifferences", "Unit": "Count" },
                        { "Name": "OldestUnsentMessage", "Unit": "Seconds" },
                    ],
                }],
            },
            "Function": "reconcile",
            "UnfinishedLoads": 2.0, "OldestUnfinishedLoad": 75.5, "WaitingRetries": 1.0,
            "LatePeriods": 3.0, "PausedWarehouses": 0.0,
            "MarkerDifferences": 3.0, "OldestUnsentMessage": 0.0,
        });
        assert_eq!(vitals_line("reconcile", moment(), &vitals), expected);
    }

    #[test]
    fn a_minute_has_the_state_as_a_dimension_and_leaves_out_times_that_there_are_none_of() {
        let minute = Minute {
            minute: moment(),
            state: LoadState::Rejected,
            loads: 3,
            rows: 0,
            bytes: 99,
            prepare_seconds: Some(0.25),
            warehouse_seconds: None,
            settle_seconds: None,
        };
        let line = minute_line("reconcile", &minute);
        assert_eq!(line["State"], "rejected");
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Function", "State"]])
        );
        assert_eq!(line["PrepareTime"], 0.25);
        assert!(line.get("WarehouseTime").is_none());
    }
}
