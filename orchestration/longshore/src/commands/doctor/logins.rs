//! `secret check`: every secret and login that the settings, the targets and the rules name.

use longshore_app::ports::WarehouseClient;
use longshore_app::rules::export::is_active;
use longshore_app::with_causes;
use longshore_copy::standing::version_query;
use longshore_domain::rule::TargetRow;
use longshore_domain::target::{Login, Warehouse};
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring::{self, AwsClients};
use longshore_store::{EncryptionSecret, Record, Store, StoreError};
use serde_json::json;

use super::finding::{Finding, Verdict};
use super::warehouse::PATIENCE;
use super::{secrets, setting_faults, show};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, causes};
use crate::output::{Output, Progress};

const CONTROL_LOGIN: &str = "control database's login";
const WAREHOUSE_LOGIN: &str = "warehouse's login";

/// Looks at every secret and logs in with each; a fault ends it as a failure. What is in a secret is not shown.
pub(crate) async fn run(deployment: &Deployment, output: Output) -> anyhow::Result<ExitStatus> {
    let (settings, access) = deployment.unchecked_settings()?;
    let findings = match settings {
        Ok(settings) => {
            let progress = Progress::start("logging in");
            let clients = AwsClients::new(&settings.region, &access).await;
            examine(&settings, &clients, &progress).await
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

async fn examine(settings: &Settings, clients: &AwsClients, progress: &Progress) -> Vec<Finding> {
    progress.step("logging in to the control database");
    let control = secrets::control(settings, clients).await;
    let is_read = control.verdict != Verdict::Fault;
    let mut findings = vec![control];
    let mut named = Named::default();
    if is_read {
        let (login, found) = control_login(settings, clients).await;
        findings.push(login);
        named = found;
    }
    progress.step("logging in to the warehouse");
    let (secret, warehouse) = secrets::warehouse(settings, clients).await;
    findings.push(secret);
    if let Some(warehouse) = warehouse {
        findings.push(login(WAREHOUSE_LOGIN.to_owned(), &warehouse, clients).await);
    }
    for target in named.targets.iter().filter(|target| is_active(target)) {
        progress.step("logging in to the targets");
        findings.extend(target_logins(target, clients).await);
    }
    for secret in &named.keys {
        progress.step("looking at the keys of encrypted files");
        findings.push(secrets::of_rules(secret, clients).await);
    }
    findings
}

/// What the control database names secrets in.
#[derive(Default)]
struct Named {
    targets: Vec<Record>,
    keys: Vec<EncryptionSecret>,
}

impl Named {
    async fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            targets: store.rule_book(Some(&[])).await?.targets,
            keys: store.encryption_secrets().await?,
        })
    }
}

/// The login, and what is on record there.
async fn control_login(settings: &Settings, clients: &AwsClients) -> (Finding, Named) {
    let user = clients
        .secrets
        .postgres(&settings.secret_postgres)
        .await
        .map(|secret| secret.user);
    let mend = format!(
        "check the user and the password in the secret {}, and that the database lets this machine in",
        settings.secret_postgres
    );
    let fault = |seen: String| {
        (
            Finding::fault(CONTROL_LOGIN, seen, mend.as_str()),
            Named::default(),
        )
    };
    let store: Store = match wiring::connect_store(settings, &clients.secrets).await {
        Ok(store) => store,
        Err(error) => return fault(causes(&error)),
    };
    match Named::read(&store).await {
        Ok(named) => {
            let seen = format!("{} logs in", user.unwrap_or_default());
            (Finding::sound(CONTROL_LOGIN, seen), named)
        }
        Err(error) => fault(with_causes(&error)),
    }
}

/// A target's secret, where it names one, and its login.
async fn target_logins(record: &Record, clients: &AwsClients) -> Vec<Finding> {
    let name = record.get("target_name").cloned().unwrap_or_default();
    let row: TargetRow = match serde_json::from_value(json!(record)) {
        Ok(row) => row,
        Err(error) => {
            let mend = format!("mend the row of ext_target of {name}");
            return vec![Finding::fault(format!("target {name}"), error.to_string(), mend)];
        }
    };
    let warehouse = match row.warehouse() {
        Ok(warehouse) => warehouse,
        Err(fault) => {
            let mend = format!(
                "mend the row of ext_target of {name}: longshore rule export > FILE; then longshore rule apply FILE --why TEXT"
            );
            return vec![Finding::fault(format!("target {name}"), fault.to_string(), mend)];
        }
    };
    let mut findings = Vec::new();
    if let Login::Secret(id) = &warehouse.login {
        let secret = secrets::of_target(&name, id, clients).await;
        let is_read = secret.verdict != Verdict::Fault;
        findings.push(secret);
        if !is_read {
            return findings;
        }
    }
    findings.push(login(format!("login of target {name}"), &warehouse, clients).await);
    findings
}

/// Whether the warehouse lets somebody in, by asking it for its version.
async fn login(check: String, warehouse: &Warehouse, clients: &AwsClients) -> Finding {
    let who = match &warehouse.login {
        Login::Secret(id) => format!("the user of the secret {id}"),
        Login::DatabaseUser(user) => format!("the user {user}, with temporary credentials,"),
        Login::CallerIdentity => "the caller's own identity".to_owned(),
    };
    match clients.warehouse.run(warehouse, &version_query(), PATIENCE).await {
        Ok(_) => Finding::sound(check, format!("{who} logs in to {warehouse}")),
        Err(error) => Finding::fault(
            check,
            format!("{who} does not log in to {warehouse}: {}", with_causes(&error)),
            "check the user and the password there, and redshift-data:ExecuteStatement, secretsmanager:GetSecretValue or redshift:GetClusterCredentials for this identity",
        ),
    }
}
