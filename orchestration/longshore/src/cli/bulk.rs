//! `bulk`: many objects into one table at once.

use clap::{Args, Subcommand};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::target::TableName;

use super::HandArguments;
use super::value::{parse_prefix, parse_table};

#[derive(Debug, Subcommand)]
pub(crate) enum BulkCommand {
    /// Load the files below a prefix. The same command again loads what failed or is new, and nothing else.
    Load(BulkLoadArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BulkLoadArguments {
    /// Where the files lie, and stay: s3://bucket/prefix.
    #[arg(long, value_name = "URL", value_parser = parse_prefix)]
    pub path: WatchedPrefix,
    /// The table: schema.table.
    #[arg(long, value_name = "TABLE", value_parser = parse_table)]
    pub table: TableName,
    /// How the files are written, as file_format of a rule.
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: String,
    /// What the files' names end with, where it is not what the format is called; none where they have no extension, empty or any
    /// where it does not matter. Other files are left alone.
    #[arg(long, value_name = "EXTENSION")]
    pub extension: Option<String>,
    /// The files' columns, in order.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Merge by these columns instead of adding rows.
    #[arg(long, value_name = "COLUMN,…")]
    pub merge_key: Option<String>,
    /// Of rows of one key the one with the greatest of these wins.
    #[arg(long, value_name = "COLUMN,…", requires = "merge_key")]
    pub merge_order: Option<String>,
    /// A warehouse other than the deployment's own, by its number in ext_target.
    #[arg(long, value_name = "ID")]
    pub target: Option<i32>,
    /// Any other field of the rule that the load runs under, such as delimiter=| or copy_options=ACCEPTINVCHARS.
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    pub fields: Vec<String>,
    #[command(flatten)]
    pub hand: HandArguments,
}
