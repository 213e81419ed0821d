//! What a load transaction is made from.

use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::rule::{LoadMode, RuleColumn};
use longshore_domain::target::{TableName, Warehouse};

use crate::spec::CopySpec;

/// What one load transaction is made from.
#[derive(Debug, Clone, Copy)]
pub struct LoadRequest<'a> {
    /// The load.
    pub load: LoadId,
    /// The table that its rows go to.
    pub table: &'a TableName,
    /// The columns that the file fills, in the file's order. Empty means all of the table's.
    ///
    /// For Parquet and ORC, all are found by place, so the file has each of them. For JSON and Avro, all are found by
    /// name, and COPY without a list counts as COPY with a full one: a column that the file lacks becomes NULL, not its
    /// DEFAULT, and fails the load where it is NOT NULL.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-column-mapping.html>
    /// The lineage is put right afterwards: where [`file_name_column`](Self::file_name_column) asks for it, the table has
    /// `target_transaction_timestamp` too, and that takes its DEFAULT.
    ///
    /// A table with an IDENTITY column, which takes no value, cannot be filled without a list in any format.
    pub columns: &'a [RuleColumn],
    /// How the files are read.
    pub spec: &'a CopySpec,
    /// `s3://bucket/key` of the manifest.
    pub manifest_url: &'a str,
    /// The warehouse, for its role and region.
    pub warehouse: &'a Warehouse,
    /// How many rows the files hold, when someone counted.
    pub rows_expected: Option<u64>,
    /// The name of the file for the column that takes it. It is passed whole: Redshift refuses a value that is longer
    /// than its column, in bytes, and never cuts one.
    pub file_name: &'a str,
    /// The column that takes the file's name.
    pub file_name_column: Option<&'a str>,
    /// The column that takes the load's id.
    pub load_id_column: Option<&'a str>,
    /// `s3://bucket/key` of the object that came, for the marker.
    pub object_url: &'a str,
    /// The loads that this one carries as a batch; empty when it is the load of a file. Each has a marker of its own, so that
    /// none of them is ever loaded again, in whatever company.
    pub carried: &'a [CarriedLoad<'a>],
    /// The loads whose rows these ones replace; needs [`load_id_column`](Self::load_id_column).
    pub replaces: &'a [LoadId],
    /// What becomes of the rows that the table has.
    pub mode: &'a LoadMode,
    /// The operator's SQL that runs before rows are moved.
    pub pre_sql: Option<&'a str>,
    /// The operator's SQL that runs after rows are moved.
    pub post_sql: Option<&'a str>,
    /// What the key gave, for the placeholders of the period and of the operator's SQL.
    pub captures: &'a Captures,
}

/// A load that a batch carries.
#[derive(Debug, Clone, Copy)]
pub struct CarriedLoad<'a> {
    /// The load.
    pub load: LoadId,
    /// `s3://bucket/key` of its object.
    pub object_url: &'a str,
    /// How many rows its file holds, when someone counted.
    pub rows: Option<u64>,
}
