//! `warehouse list` and `warehouse resume`.

use chrono::Utc;
use longshore_store::{Operator, ProbedNow, WarehouseStanding};
use serde_json::json;

use super::cells::moment;
use crate::cli::{ResumeArguments, WarehouseCommand};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::{Output, note};

/// Carries out a `warehouse` command.
pub(crate) async fn run(
    command: WarehouseCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        WarehouseCommand::List => {
            let store = deployment.store().await?;
            list(&store.warehouses().await?, output)
        }
        WarehouseCommand::Resume(arguments) => resume(arguments, deployment, output).await,
    }
}

async fn resume(
    arguments: ResumeArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = deployment.store().await?;
    let standings = store.warehouses().await?;
    let warehouse = &paused(&standings, &arguments.name)?.warehouse;
    let hand = arguments.hand;
    let done = match hand.yes {
        true => {
            let operator = Operator {
                name: hand.operator,
                reason: hand.why,
            };
            told(
                warehouse,
                store.probe_now(warehouse, &operator, Utc::now()).await?,
            )?
        }
        false => format!("{warehouse} would be tried at once, by the load that waits longest for it"),
    };
    match output.is_json() {
        true => output.json(&json!({ "warehouse": warehouse, "outcome": done, "done": hand.yes }))?,
        false => output.line(done)?,
    }
    match hand.yes {
        true => {
            note("The reconciler takes the load up within a minute; at once: longshore reconcile --idle 0")
        }
        false => note("Nothing was done; say --yes to do it."),
    }
    Ok(ExitStatus::Done)
}

/// The paused warehouse that is meant by a name, or by the beginning of one.
fn paused<'a>(standings: &'a [WarehouseStanding], name: &str) -> anyhow::Result<&'a WarehouseStanding> {
    if let Some(exact) = standings.iter().find(|standing| standing.warehouse == name) {
        return match exact.paused_at {
            Some(_) => Ok(exact),
            None => Err(in_use(name)),
        };
    }
    let is_meant =
        |standing: &&WarehouseStanding| standing.paused_at.is_some() && standing.warehouse.starts_with(name);
    let meant: Vec<_> = standings.iter().filter(is_meant).collect();
    match meant[..] {
        [one] => Ok(one),
        [] => Err(input(format!(
            "no paused warehouse is called {name}; see: longshore warehouse list"
        ))),
        _ => {
            let names: Vec<_> = meant.iter().map(|standing| standing.warehouse.as_str()).collect();
            Err(input(format!("{name} may be any of: {}", names.join("; "))))
        }
    }
}

fn in_use(name: &str) -> anyhow::Error {
    input(format!(
        "{name} is in use; nothing waits for it to be resumed. See: longshore warehouse list"
    ))
}

fn told(warehouse: &str, probed: ProbedNow) -> anyhow::Result<String> {
    match probed {
        ProbedNow::By(load) => Ok(format!(
            "{warehouse} is tried by load {load}; when that runs there, all that wait for it go on"
        )),
        ProbedNow::ByTheNext => Ok(format!(
            "no load waits for {warehouse} that nobody works on; the next one that comes tries it"
        )),
        ProbedNow::InUse => Err(in_use(warehouse)),
    }
}

fn list(warehouses: &[WarehouseStanding], output: Output) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(&warehouses)?;
        return Ok(ExitStatus::Done);
    }
    let rows = warehouses.iter().map(row).collect();
    output.table(
        &[
            "warehouse",
            "is",
            "failures",
            "next try",
            "waiting",
            "last failed",
            "error",
            "tried by hand",
        ],
        rows,
    )?;
    Ok(ExitStatus::Done)
}

fn row(standing: &WarehouseStanding) -> Vec<String> {
    let is = match standing.paused_at {
        Some(paused_at) => format!("paused since {}", moment(paused_at)),
        None => "in use".to_owned(),
    };
    let at = |at: Option<_>| at.map(moment).unwrap_or_default();
    vec![
        standing.warehouse.clone(),
        is,
        standing.failures.to_string(),
        at(standing.probe_at),
        standing.waiting.to_string(),
        at(standing.last_failed_at),
        standing.last_error.clone().unwrap_or_default(),
        standing
            .resumed
            .as_ref()
            .map(|resumed| {
                format!(
                    "{} by {}: {}",
                    moment(resumed.at),
                    resumed.operator,
                    resumed.reason
                )
            })
            .unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(warehouse: &str, is_paused: bool) -> WarehouseStanding {
        let at = is_paused.then(Utc::now);
        WarehouseStanding {
            warehouse: warehouse.to_owned(),
            failures: 5,
            paused_at: at,
            paused_by: None,
            probe_at: at,
            last_error: None,
            last_failed_at: None,
            last_succeeded_at: None,
            waiting: 0,
            resumed: None,
        }
    }

    #[test]
    fn a_warehouse_is_meant_by_its_name_or_by_a_beginning_that_no_other_paused_one_has() {
        let standings = [
            standing("cluster etl/dev", true),
            standing("cluster etl/dev as secret mart", true),
            standing("cluster etl/prod", false),
            standing("workgroup ad-hoc/dev", true),
        ];
        let meant = |name| {
            paused(&standings, name)
                .map(|standing| standing.warehouse.clone())
                .map_err(|error| error.to_string())
        };
        assert_eq!(meant("cluster etl/dev").unwrap(), "cluster etl/dev");
        assert_eq!(meant("work").unwrap(), "workgroup ad-hoc/dev");
        assert!(meant("cluster").unwrap_err().contains("as secret mart"));
        assert!(meant("cluster etl/prod").unwrap_err().contains("is in use"));
        assert!(meant("nowhere").unwrap_err().contains("no paused warehouse"));
    }
}
