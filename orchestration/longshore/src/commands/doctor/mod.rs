//! `doctor`: looks at a deployment from the settings to the tables that its rules fill, and says what mends what it finds.
//!
//! It changes nothing. What cannot be looked at because something before it is broken is left out: a warehouse whose secret
//! cannot be read is not asked for its tables.

mod control;
mod finding;
mod landing;
pub(crate) mod logins;
mod rights;
mod secrets;
mod tables;
mod warehouse;
mod work;

use longshore_domain::rule::RuleRow;
use longshore_domain::target::Warehouse;
use longshore_runtime::settings::{Settings, SettingsError};
use longshore_runtime::wiring::AwsClients;

use crate::cli::DoctorArguments;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::{Output, Progress};
use finding::{Finding, Verdict};
use tables::Filling;

/// Looks at everything and says what was found; a fault ends it as a failure.
pub(crate) async fn run(
    arguments: &DoctorArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let (settings, access) = deployment.unchecked_settings()?;
    let findings = match settings {
        Ok(settings) => {
            let progress = Progress::start("looking at the deployment");
            let clients = AwsClients::new(&settings.region, &access).await;
            let mut findings = vec![Finding::sound("settings", "complete")];
            findings.extend(examine(&settings, &clients, arguments.role.as_deref(), &progress).await);
            findings
        }
        Err(error) => setting_faults(&error),
    };
    show(&findings, output)?;
    let is_well = findings.iter().all(|finding| finding.verdict != Verdict::Fault);
    Ok(if is_well {
        ExitStatus::Done
    } else {
        ExitStatus::Failure
    })
}

fn setting_faults(error: &SettingsError) -> Vec<Finding> {
    let faults = error.faults.iter().map(|fault| {
        let mend = format!(
            "export {}=… as the functions have it, or name a local stack with --local FILE",
            fault.name
        );
        Finding::fault(format!("setting {}", fault.name), fault.what.as_str(), mend)
    });
    faults.collect()
}

async fn examine(
    settings: &Settings,
    clients: &AwsClients,
    role: Option<&str>,
    progress: &Progress,
) -> Vec<Finding> {
    progress.step("looking at the control database");
    let (mut findings, rules) = control(settings, clients).await;
    progress.step("looking at the warehouse");
    let (found, warehouse) = house(settings, clients, &rules).await;
    findings.extend(found);
    progress.step("looking at buckets, topic and events");
    findings.extend(landing::examine(settings, clients).await);
    progress.step("asking what the functions may do");
    findings.extend(rights::examine(settings, clients, warehouse.as_ref(), role).await);
    findings
}

/// The control database's secret, the database, and its rules.
async fn control(settings: &Settings, clients: &AwsClients) -> (Vec<Finding>, Vec<RuleRow>) {
    let secret = secrets::control(settings, clients).await;
    if secret.verdict == Verdict::Fault {
        return (vec![secret], Vec::new());
    }
    let (findings, rules) = control::examine(settings, clients).await;
    ([vec![secret], findings].concat(), rules)
}

/// The warehouse's secret, the warehouse, the tables that rules fill there, and the other warehouses that rules name.
async fn house(
    settings: &Settings,
    clients: &AwsClients,
    rules: &[RuleRow],
) -> (Vec<Finding>, Option<Warehouse>) {
    let fillings = tables::fillings(rules);
    let (secret, found) = secrets::warehouse(settings, clients).await;
    let mut findings = vec![secret];
    if let Some(warehouse) = &found {
        let (seen, answers) = warehouse::examine(&clients.warehouse, warehouse).await;
        findings.extend(seen);
        if answers {
            // A target may be the deployment's own by another name.
            let is_here = |filling: &&Filling| filling.warehouse().is_none_or(|other| other == warehouse);
            let here: Vec<&Filling> = fillings.iter().filter(is_here).collect();
            findings.extend(tables::examine(&clients.warehouse, warehouse, &here, "").await);
        }
    }
    for (target, warehouse) in others(&fillings, found.as_ref()) {
        let (seen, answers) = warehouse::examine_target(&clients.warehouse, warehouse, target).await;
        findings.push(seen);
        if answers {
            let is_there = |filling: &&Filling| filling.warehouse() == Some(warehouse);
            let there: Vec<&Filling> = fillings.iter().filter(is_there).collect();
            let of_target = format!(" in target {target}");
            findings.extend(tables::examine(&clients.warehouse, warehouse, &there, &of_target).await);
        }
    }
    (findings, found)
}

/// The warehouses that rules name, each once, by a name that it has among targets.
fn others<'a>(fillings: &'a [Filling], own: Option<&Warehouse>) -> Vec<(&'a str, &'a Warehouse)> {
    let mut others: Vec<(&str, &Warehouse)> = Vec::new();
    for filling in fillings {
        let Some(warehouse) = filling.warehouse().filter(|warehouse| Some(*warehouse) != own) else {
            continue;
        };
        if !others.iter().any(|(_, known)| *known == warehouse) {
            others.push((filling.target(), warehouse));
        }
    }
    others
}

fn show(findings: &[Finding], output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json(&findings);
    }
    let rows = findings.iter().map(|finding| {
        vec![
            finding.check.clone(),
            finding.verdict.as_str().to_owned(),
            finding.seen.clone(),
            finding.mend.clone().unwrap_or_default(),
        ]
    });
    output.table(&["check", "is", "seen", "what mends it"], rows.collect())
}
