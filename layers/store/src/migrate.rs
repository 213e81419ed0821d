//! Migrations: forward only, each in a transaction of its own, any number of programs at once.

use deadpool_postgres::Object;
use refinery::{Migration, Runner, error::Kind};
use serde::Serialize;

use crate::queries::{in_schema, quote_identifier};
use crate::{Store, StoreError};

const ACTION: &str = "migrate";

/// Name and text of every migration, in deploy order.
pub(crate) const MIGRATIONS: &[(&str, &str)] = &[
    (
        "V1__rules_and_audit",
        include_str!("../../../sql/config-db/migrations/V1__rules_and_audit.sql"),
    ),
    (
        "V2__rule_additions",
        include_str!("../../../sql/config-db/migrations/V2__rule_additions.sql"),
    ),
    (
        "V3__loads",
        include_str!("../../../sql/config-db/migrations/V3__loads.sql"),
    ),
    (
        "V4__statements",
        include_str!("../../../sql/config-db/migrations/V4__statements.sql"),
    ),
    (
        "V5__outbox",
        include_str!("../../../sql/config-db/migrations/V5__outbox.sql"),
    ),
    (
        "V6__audit_additions",
        include_str!("../../../sql/config-db/migrations/V6__audit_additions.sql"),
    ),
    (
        "V7__resends",
        include_str!("../../../sql/config-db/migrations/V7__resends.sql"),
    ),
    (
        "V8__reconciliation",
        include_str!("../../../sql/config-db/migrations/V8__reconciliation.sql"),
    ),
    (
        "V9__operations",
        include_str!("../../../sql/config-db/migrations/V9__operations.sql"),
    ),
    (
        "V10__retries",
        include_str!("../../../sql/config-db/migrations/V10__retries.sql"),
    ),
    (
        "V11__load_modes",
        include_str!("../../../sql/config-db/migrations/V11__load_modes.sql"),
    ),
    (
        "V12__batches",
        include_str!("../../../sql/config-db/migrations/V12__batches.sql"),
    ),
    (
        "V13__rule_versions",
        include_str!("../../../sql/config-db/migrations/V13__rule_versions.sql"),
    ),
    (
        "V14__scale",
        include_str!("../../../sql/config-db/migrations/V14__scale.sql"),
    ),
    (
        "V15__files_that_stay",
        include_str!("../../../sql/config-db/migrations/V15__files_that_stay.sql"),
    ),
    (
        "V17__load_groups",
        include_str!("../../../sql/config-db/migrations/V17__load_groups.sql"),
    ),
    (
        "V18__encrypted_files",
        include_str!("../../../sql/config-db/migrations/V18__encrypted_files.sql"),
    ),
    (
        "V19__tallies",
        include_str!("../../../sql/config-db/migrations/V19__tallies.sql"),
    ),
    (
        "V20__snapshots",
        include_str!("../../../sql/config-db/migrations/V20__snapshots.sql"),
    ),
    (
        "V21__chains",
        include_str!("../../../sql/config-db/migrations/V21__chains.sql"),
    ),
    (
        "V24__traces_and_follow_ups_again",
        include_str!("../../../sql/config-db/migrations/V24__traces_and_follow_ups_again.sql"),
    ),
    (
        "V25__drift",
        include_str!("../../../sql/config-db/migrations/V25__drift.sql"),
    ),
    (
        "V26__many_targets",
        include_str!("../../../sql/config-db/migrations/V26__many_targets.sql"),
    ),
    (
        "V27__snapshot_schedules",
        include_str!("../../../sql/config-db/migrations/V27__snapshot_schedules.sql"),
    ),
    (
        "V29__refused_calls",
        include_str!("../../../sql/config-db/migrations/V29__refused_calls.sql"),
    ),
    (
        "V30__chain_authors",
        include_str!("../../../sql/config-db/migrations/V30__chain_authors.sql"),
    ),
    (
        "V31__resumed_loads",
        include_str!("../../../sql/config-db/migrations/V31__resumed_loads.sql"),
    ),
    (
        "V33__matching",
        include_str!("../../../sql/config-db/migrations/V33__matching.sql"),
    ),
    (
        "V34__headers_and_empty_files",
        include_str!("../../../sql/config-db/migrations/V34__headers_and_empty_files.sql"),
    ),
    (
        "V35__expected_files",
        include_str!("../../../sql/config-db/migrations/V35__expected_files.sql"),
    ),
    (
        "V36__late_notices",
        include_str!("../../../sql/config-db/migrations/V36__late_notices.sql"),
    ),
    (
        "V37__function_rights",
        include_str!("../../../sql/config-db/migrations/V37__function_rights.sql"),
    ),
    (
        "V38__lists",
        include_str!("../../../sql/config-db/migrations/V38__lists.sql"),
    ),
    (
        "V39__superseded_files",
        include_str!("../../../sql/config-db/migrations/V39__superseded_files.sql"),
    ),
    (
        "V40__operators",
        include_str!("../../../sql/config-db/migrations/V40__operators.sql"),
    ),
    (
        "V41__flushes_and_dead_letters",
        include_str!("../../../sql/config-db/migrations/V41__flushes_and_dead_letters.sql"),
    ),
    (
        "V42__backlogs",
        include_str!("../../../sql/config-db/migrations/V42__backlogs.sql"),
    ),
];

/// The version that this program brings a schema to: the number in the last migration's name.
pub(crate) fn newest_version() -> u32 {
    let number = MIGRATIONS
        .last()
        .and_then(|(name, _)| name.trim_start_matches('V').split("__").next()?.parse().ok());
    number.expect("a migration is called V1__what_it_does")
}

/// A migration may rewrite a table and may wait for another migrating program; a query may do neither.
const SESSION_SETTINGS: &str = "SET statement_timeout = '10min'; SET lock_timeout = '10min'";

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// The migrations that were applied now, in order; empty when there was nothing to do.
    pub applied: Vec<String>,
    /// The version that the schema has now.
    pub version: u32,
}

impl Store {
    /// Brings the schema up to this program. Any number of programs may do so at once: one works, the others wait and
    /// find nothing to do.
    ///
    /// # Errors
    /// [`StoreError::MigrationRefused`] when the schema was migrated by a newer or a different program, or the SQL fails;
    /// any of a connection.
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        let connection = self.client(ACTION).await?;
        // Out of the pool: whatever happens, the connection ends here, and with it the lock and the settings.
        let mut client = Object::take(connection);
        let refused = |error| self.place().error(ACTION, error);
        client.batch_execute(SESSION_SETTINGS).await.map_err(refused)?;
        client
            .execute(
                "SELECT pg_advisory_lock(hashtextextended('longshore migrate ' || $1::text, 0))",
                &[&self.schema()],
            )
            .await
            .map_err(refused)?;
        let schema = quote_identifier(self.schema());
        client
            .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
            .await
            .map_err(refused)?;
        let mut runner = Runner::new(&self.migrations()?);
        runner.set_migration_table_name(format!("{schema}.longshore_migration"));
        let report = runner
            .run_async(&mut *client)
            .await
            .map_err(|error| self.migration_error(error))?;
        let applied = report.applied_migrations().iter().map(ToString::to_string);
        Ok(MigrationReport {
            applied: applied.collect(),
            version: newest_version(),
        })
    }

    fn migrations(&self) -> Result<Vec<Migration>, StoreError> {
        let migration =
            |(name, sql): &(&str, &str)| Migration::unapplied(name, &in_schema(sql, self.schema()));
        MIGRATIONS
            .iter()
            .map(migration)
            .collect::<Result<_, _>>()
            .map_err(|error| self.migration_error(error))
    }

    fn migration_error(&self, error: refinery::Error) -> StoreError {
        let problem = match error.kind() {
            Kind::DivergentVersion(applied, ours) => {
                format!(
                    "{applied} was applied from another text than {ours}; deploy the program that wrote it"
                )
            }
            Kind::MissingVersion(applied) => {
                format!("{applied} was applied by a newer program; deploy that one")
            }
            _ => "a migration failed and was rolled back".to_owned(),
        };
        StoreError::MigrationRefused {
            schema: self.schema().to_owned(),
            problem,
            source: Box::new(error),
        }
    }
}
