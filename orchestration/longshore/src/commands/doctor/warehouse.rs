//! The warehouse: answers, has the control tables, and which isolation level it has.

use std::time::Duration;

use longshore_app::ports::{WarehouseClient, WarehouseError};
use longshore_app::with_causes;
use longshore_copy::standing::{isolation_query, schemas_query, version_query};
use longshore_domain::target::Warehouse;

use super::finding::Finding;

const WAREHOUSE: &str = "warehouse";
const SCHEMAS: &str = "warehouse's schemas";
const ISOLATION: &str = "isolation level";
/// Of one question. A workgroup that sleeps takes a while to wake.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// What `longshore migrate` makes there.
const NEEDED_SCHEMAS: [&str; 4] = ["longshore", "rdsftcore", "rdsftetl", "rdsftorchestration"];

/// What was found, and whether the warehouse answers.
pub(super) async fn examine(client: &dyn WarehouseClient, warehouse: &Warehouse) -> (Vec<Finding>, bool) {
    match client.run(warehouse, &version_query(), PATIENCE).await {
        Ok(rows) => {
            let version = first(&rows).unwrap_or_else(|| "an unknown version".to_owned());
            let found = vec![
                Finding::sound(WAREHOUSE, format!("{warehouse}: {version}")),
                schemas(client, warehouse).await,
                isolation(client, warehouse).await,
            ];
            (found, true)
        }
        Err(error) => (vec![unreachable(&error)], false),
    }
}

/// Whether a target's warehouse answers. What `longshore migrate` makes is in the deployment's own alone.
pub(super) async fn examine_target(
    client: &dyn WarehouseClient,
    warehouse: &Warehouse,
    target: &str,
) -> (Finding, bool) {
    let check = format!("{WAREHOUSE} of target {target}");
    match client.run(warehouse, &version_query(), PATIENCE).await {
        Ok(rows) => {
            let version = first(&rows).unwrap_or_else(|| "an unknown version".to_owned());
            (Finding::sound(check, format!("{warehouse}: {version}")), true)
        }
        Err(error) => {
            let mend = format!(
                "longshore secret check (its login); check the row of ext_target of {target}, and redshift-data:ExecuteStatement there for this identity"
            );
            (
                Finding::fault(check, format!("{warehouse}: {}", with_causes(&error)), mend),
                false,
            )
        }
    }
}

fn unreachable(error: &WarehouseError) -> Finding {
    let mend = "check LONGSHORE_REDSHIFT_CLUSTER or LONGSHORE_REDSHIFT_WORKGROUP, LONGSHORE_REDSHIFT_DATABASE, the secret's user, and \
        redshift-data:ExecuteStatement for this identity; aws redshift describe-clusters says whether it is paused";
    Finding::fault(WAREHOUSE, with_causes(error), mend)
}

async fn schemas(client: &dyn WarehouseClient, warehouse: &Warehouse) -> Finding {
    let query = schemas_query(&NEEDED_SCHEMAS).expect("the names are constants without NUL");
    let rows = match client.run(warehouse, &query, PATIENCE).await {
        Ok(rows) => rows,
        Err(error) => return unreachable(&error),
    };
    let there: Vec<String> = rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    let is_missing = |name: &&str| !there.iter().any(|found| found == name);
    let missing: Vec<&str> = NEEDED_SCHEMAS.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Finding::sound(SCHEMAS, NEEDED_SCHEMAS.join(", "));
    }
    let seen = format!("missing: {}", missing.join(", "));
    Finding::fault(SCHEMAS, seen, "longshore migrate")
}

/// Loads are exact under either level; which one it is decides what other programs see.
async fn isolation(client: &dyn WarehouseClient, warehouse: &Warehouse) -> Finding {
    match client.run(warehouse, &isolation_query(), PATIENCE).await {
        Ok(rows) => Finding::sound(ISOLATION, first(&rows).unwrap_or_else(|| "not told".to_owned())),
        Err(error) => Finding::notice(
            ISOLATION,
            with_causes(&error),
            "nothing for Longshore, which loads exactly once under either; grant SELECT on stv_db_isolation_level to see it",
        ),
    }
}

fn first(rows: &[Vec<Option<String>>]) -> Option<String> {
    rows.first()?.first()?.clone()
}
