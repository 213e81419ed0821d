//! An event that asks for bulk loads: `paths` with a table each, and what they have in common.
//!
//! The shape is that of an older loader, so that its schedules go on working; what it has no field for is beside it.

mod fields;
mod read;

use chrono::{DateTime, Utc};
use longshore_app::{App, AppError, BulkLoad, BulkPlan, BulkReport, BulkRun, Invocation, Operator};
use longshore_domain::disposition::Disposition;
use longshore_runtime::diagnostic::Failure;
use serde_json::{Value, json};

pub(crate) use read::{asks_for_it, read};

/// An event that cannot be, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing was done: {}", faults.join("; "))]
pub(crate) struct RefusedEvent {
    pub(crate) faults: Vec<String>,
}

/// Carries out what an event asks for. All of its paths are judged before anything is done for the first one.
pub(crate) async fn run(app: &App, invocation: &Invocation, event: &Value) -> Result<Value, Failure> {
    let loads = read(event, &app.config.warehouse).map_err(refused)?;
    let operator = Operator {
        name: "bulk load event".to_owned(),
        reason: format!(
            "invocation {} at {}",
            invocation.request_id,
            minute(app.clock.now())
        ),
    };
    let run = BulkRun {
        app,
        invocation,
        operator: &operator,
    };
    let plans = judge(&run, &loads).await?;
    let mut answers = Vec::with_capacity(plans.len());
    let mut is_through = true;
    for (place, (load, plan)) in loads.iter().zip(&plans).enumerate() {
        let report = run.carry_out(plan).await.map_err(|error| failed(error, load))?;
        let report = report.map_err(|fault| refused(vec![at(place, &fault)]))?;
        is_through &= report.is_through;
        answers.push(answer(load, plan, &report));
    }
    Ok(json!({ "paths": answers, "is_through": is_through }))
}

async fn judge(run: &BulkRun<'_>, loads: &[BulkLoad]) -> Result<Vec<BulkPlan>, Failure> {
    let mut plans = Vec::with_capacity(loads.len());
    let mut faults = Vec::new();
    for (place, load) in loads.iter().enumerate() {
        match run.judge(load).await.map_err(|error| failed(error, load))? {
            Ok(plan) => plans.push(plan),
            Err(fault) => faults.push(at(place, &fault)),
        }
    }
    match faults.is_empty() {
        true => Ok(plans),
        false => Err(refused(faults)),
    }
}

fn answer(load: &BulkLoad, plan: &BulkPlan, report: &BulkReport) -> Value {
    let mut answer = json!(report);
    answer["s3_path"] = json!(load.path.to_string());
    answer["table"] = json!(load.table.to_string());
    let note = match (plan.is_empty(), report.is_through) {
        (true, _) => Some("nothing lies there that ends as it should"),
        (false, true) => None,
        (false, false) => {
            Some("there was no time left for all of it; invoke again, and what is missing goes on")
        }
    };
    answer["note"] = json!(note);
    answer
}

fn at(place: usize, fault: &str) -> String {
    format!("paths[{place}]: {fault}")
}

fn refused(faults: Vec<String>) -> Failure {
    Failure::new(Disposition::Reject, RefusedEvent { faults })
}

fn failed(error: AppError, load: &BulkLoad) -> Failure {
    Failure::from(error).context(format!("load {} into {} in bulk", load.path, load.table))
}

fn minute(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M").to_string()
}
