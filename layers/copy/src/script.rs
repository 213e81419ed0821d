//! The SQL files of `sql/redshift`, built in.

use crate::split::split_statements;

/// One file of warehouse SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseScript {
    /// The file's path below `sql/redshift`.
    pub name: &'static str,
    /// Its statements in order, without their semicolons: the Data API takes one at a time.
    pub statements: Vec<String>,
}

macro_rules! script {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../sql/redshift/", $name)))
    };
}

const WAREHOUSE: &[(&str, &str)] = &[
    script!("schema/rdsftetl_schema_create.sql"),
    script!("schema/rdsftcore_schema_create.sql"),
    script!("schema/rdsftorchestration_schema_create.sql"),
    script!("schema/longshore_schema_create.sql"),
    script!("schema/job_config_sqls_create.sql"),
    script!("procedures/fn_fits_date_mask_create.sql"),
    script!("procedures/fn_fits_date_layout_create.sql"),
    script!("procedures/fn_chk_date_create.sql"),
    script!("procedures/make_job_locks_create.sql"),
    script!("procedures/make_job_locks_call.sql"),
    script!("procedures/execute_sql_from_table_create.sql"),
];

const SAMPLES: &[(&str, &str)] = &[
    script!("samples/pharmacy_price_core_create.sql"),
    script!("samples/pharmacy_price_error_create.sql"),
    script!("samples/pharmacy_price_moved_create.sql"),
    script!("samples/pharmacy_price_stage_create.sql"),
    script!("samples/product_stage_create.sql"),
    script!("samples/shipment_core_create.sql"),
    script!("samples/shipment_header_error_create.sql"),
    script!("samples/shipment_header_stage_create.sql"),
    script!("samples/shipment_line_core_create.sql"),
    script!("samples/shipment_line_error_create.sql"),
    script!("samples/shipment_moved_create.sql"),
    script!("samples/shipment_line_stage_create.sql"),
    script!("samples/pharmacy_price_jobs_delete.sql"),
    script!("samples/pharmacy_price_jobs_insert.sql"),
    script!("samples/shipment_jobs_delete.sql"),
    script!("samples/shipment_jobs_insert.sql"),
];

/// What every warehouse needs, in the order in which it must run. Each statement may run again.
pub fn warehouse_sql() -> Vec<WarehouseScript> {
    scripts(WAREHOUSE)
}

/// The tables and job statements of the sample interfaces, in the order in which they must run, after
/// [`warehouse_sql`].
pub fn sample_sql() -> Vec<WarehouseScript> {
    scripts(SAMPLES)
}

fn scripts(files: &[(&'static str, &str)]) -> Vec<WarehouseScript> {
    files
        .iter()
        .map(|(name, text)| WarehouseScript {
            name,
            statements: split_statements(text),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn files_on_disk() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql/redshift");
        ["schema", "procedures", "samples"]
            .into_iter()
            .flat_map(|folder| {
                std::fs::read_dir(root.join(folder))
                    .unwrap()
                    .map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()))
            })
            .filter(|name| name.ends_with(".sql"))
            .collect()
    }

    #[test]
    fn every_file_of_the_folder_is_built_in_once() {
        let listed: Vec<String> = WAREHOUSE
            .iter()
            .chain(SAMPLES)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let unique: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(listed.len(), unique.len());
        assert_eq!(unique, files_on_disk());
    }

    #[test]
    fn the_jobs_of_a_table_are_locked_before_anything_is_read() {
        let (_, procedure) = WAREHOUSE
            .iter()
            .find(|(name, _)| name.ends_with("/execute_sql_from_table_create.sql"))
            .unwrap();
        let (_, body) = procedure.split_once("\nBEGIN\n").unwrap();
        assert!(
            body.trim_start()
                .starts_with("EXECUTE 'LOCK TABLE rdsftorchestration.job_lock_'"),
            "{body}"
        );
    }

    #[test]
    fn every_file_begins_with_a_comment() {
        for (name, text) in WAREHOUSE.iter().chain(SAMPLES) {
            assert!(text.starts_with("-- "), "{name} does not say what it guarantees");
        }
    }

    #[test]
    fn every_file_holds_one_statement_that_the_data_api_takes() {
        for script in warehouse_sql().into_iter().chain(sample_sql()) {
            let [statement] = script.statements.as_slice() else {
                panic!("{} holds {} statements", script.name, script.statements.len());
            };
            assert!(
                statement.starts_with(|first: char| first.is_ascii_uppercase()),
                "{}",
                script.name
            );
            assert!(
                statement.len() < crate::transaction::MAX_STATEMENT_BYTES,
                "{}",
                script.name
            );
            assert!(!statement.contains('\\'), "{} holds a backslash", script.name);
        }
    }
}
