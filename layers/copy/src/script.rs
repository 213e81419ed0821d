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

const WAREHOUSE: &[(&str, &str)] = &[];

const SAMPLES: &[(&str, &str)] = &[];

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
