//! What the doctor sees of rights on the warehouse's catalog, of its isolation level, of clocks, and of further warehouses.

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use super::{Findings, Patient};
use crate::targets::Target;

/// Puts something else in the place of a view of the warehouse's catalog while the doctor looks.
async fn with_view(patient: &Patient, name: &str, body: &str) -> anyhow::Result<Findings> {
    let (warehouse, connection) =
        tokio_postgres::connect(&patient.world.ready().warehouse_database_url, NoTls).await?;
    tokio::spawn(async move { connection.await.ok() });
    let denied = "
        CREATE OR REPLACE FUNCTION pg_catalog.longshore_denied(name text) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'permission denied for relation %', name USING ERRCODE = '42501';
        END $$";
    warehouse
        .batch_execute(&format!(
            "SET allow_system_table_mods = on; {denied}; ALTER VIEW pg_catalog.{name} RENAME TO {name}_kept; \
             CREATE VIEW pg_catalog.{name} AS {body}"
        ))
        .await?;
    let found = patient.examine();
    warehouse
        .batch_execute(&format!(
            "DROP VIEW pg_catalog.{name}; ALTER VIEW pg_catalog.{name}_kept RENAME TO {name}"
        ))
        .await?;
    found
}

/// What the warehouse's user may not look at.
pub(super) async fn denied_catalog(patient: &Patient) -> anyhow::Result<()> {
    let body = "SELECT * FROM pg_catalog.svv_columns_kept WHERE pg_catalog.longshore_denied('svv_columns')";
    with_view(patient, "svv_columns", body).await?.assert_only(
        "tables of rules",
        "permission denied for relation svv_columns",
        "SELECT on svv_columns",
    );

    let body = "SELECT * FROM pg_catalog.stv_db_isolation_level_kept WHERE pg_catalog.longshore_denied('stv_db_isolation_level')";
    let found = with_view(patient, "stv_db_isolation_level", body).await?;
    assert!(found.faults().is_empty(), "{:#}", Value::from(found.findings));
    assert_eq!(found.output.status.code(), Some(0));
    let level = found.of_check("isolation level")?;
    assert_eq!(level["verdict"], "notice", "{level}");
    assert!(
        level["mend"]
            .as_str()
            .is_some_and(|mend| mend.contains("grant SELECT on stv_db_isolation_level")),
        "{level}"
    );
    Ok(())
}

/// Either level is as good; the one that it is, is told.
pub(super) async fn isolation_levels(patient: &Patient) -> anyhow::Result<()> {
    for level in ["Serializable", "Snapshot Isolation"] {
        let body = format!(
            "SELECT db_id, db_name, '{level}'::character(20) AS isolation_level FROM pg_catalog.stv_db_isolation_level_kept"
        );
        let found = with_view(patient, "stv_db_isolation_level", &body).await?;
        let told = found.of_check("isolation level")?;
        assert_eq!(
            (&told["verdict"], &told["seen"]),
            (&json!("sound"), &json!(level))
        );
    }
    Ok(())
}

/// The control database's clock shows another time than this machine's.
pub(super) async fn clock_that_is_off(patient: &Patient) -> anyhow::Result<()> {
    let control = &patient.world.control;
    for (minutes, words) in [
        (5, "s behind the control database"),
        (-5, "s ahead of the control database"),
    ] {
        control
            .batch_execute(&format!(
                "ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO clock_timestamp_kept;
                 CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
                 $$ SELECT pg_catalog.clock_timestamp_kept() + make_interval(mins => {minutes}) $$"
            ))
            .await?;
        let found = patient.examine();
        control
            .batch_execute(
                "DROP FUNCTION pg_catalog.clock_timestamp();
                 ALTER FUNCTION pg_catalog.clock_timestamp_kept() RENAME TO clock_timestamp",
            )
            .await?;
        found?.assert_only("clock", words, "chronyc makestep");
    }
    Ok(())
}

/// A rule's files go to another warehouse too, whose table lacks a column, is not there, and which cannot be reached.
pub(super) async fn further_warehouses(patient: &Patient) -> anyhow::Result<()> {
    let world = &patient.world;
    let target = Target::new(world).await?;
    let feed = world.feed().also_to(&[&target]).create().await?;
    let check = format!("table of rule {} in target {}", feed.rule, target.name);
    patient
        .examine()?
        .assert_only(&check, "there is no table", "CREATE TABLE");

    target.make_table(world, &feed).await?;
    let well = patient.examine()?;
    assert!(well.faults().is_empty(), "{:#}", Value::from(well.findings));
    let tables = well.of_check(&format!("tables of rules in target {}", target.name))?;
    assert_eq!(tables["seen"], "1 rules and their tables agree", "{tables}");

    let rename = format!("ALTER TABLE {} RENAME COLUMN name TO called", feed.table);
    world.query_in(&target.database, &rename).await?;
    patient
        .examine()?
        .assert_only(&check, "has no column name", "ADD COLUMN name");

    let elsewhere = format!(
        "UPDATE rdscnfg.ext_target SET database_name = 'nowhere' WHERE target_name = '{}'",
        target.name
    );
    world.control.batch_execute(&elsewhere).await?;
    patient.examine()?.assert_only(
        &format!("warehouse of target {}", target.name),
        "nowhere",
        "longshore secret check",
    );
    let off = format!(
        "UPDATE rdscnfg.ext_file_config SET oprtnl_flag = 'N' WHERE ext_file_config_sid = {}",
        feed.rule
    );
    world.control.batch_execute(&off).await?;
    assert!(
        patient.examine()?.faults().is_empty(),
        "a rule that is off names no warehouse"
    );
    Ok(())
}
