//! `snapshot`: dated files into tables that are made to fit.

use clap::{Args, Subcommand};
use longshore_domain::snapshot::{DataDate, parse_time_zone};
use longshore_domain::time_zone::TimeZone;

use super::value::parse_words;

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Find the newest data of each table, or that of a date, make the table fit, and load it in place of its period.
    Load(Box<SnapshotLoadArguments>),
    /// When the tables of snapshot rules with a schedule are due, and what came of each last.
    List(SnapshotListArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotListArguments {
    /// Of this rule alone.
    #[arg(long, value_name = "ID")]
    pub rule: Option<i32>,
    /// Show at most so many, those that are due first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotLoadArguments {
    /// The schema of the tables.
    #[arg(long, value_name = "SCHEMA", value_parser = parse_words)]
    pub schema: String,
    /// The tables. They are loaded side by side, and one that fails does not stop the others.
    #[arg(long, value_name = "TABLE,…", value_delimiter = ',', required = true, value_parser = parse_words)]
    pub tables: Vec<String>,
    /// The bucket of their data.
    #[arg(long, value_name = "BUCKET", value_parser = parse_words)]
    pub bucket: String,
    /// The date of the data, in RFC 3339: 2026-11-26T00:00:00Z. Without it, the newest by the dates in the files' names.
    #[arg(long, value_name = "DATE", value_parser = DataDate::parse)]
    pub date: Option<DataDate>,
    /// The description of the tables: a file, or s3://bucket/key. Without it, config_SCHEMA_TABLE_DATE.yml beside the data.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Load data that is older than what the table holds.
    #[arg(long)]
    pub force: bool,
    /// Take all rows out of the table, not only those of the period. Older data is refused all the same without --force.
    #[arg(long)]
    pub truncate: bool,
    /// What a file stands for, and how dates are compared: hour, day or stream.
    #[arg(long, value_name = "GRANULARITY", default_value = "day")]
    pub granularity: String,
    /// Of a stream: replace the rows from this moment on.
    #[arg(long, value_name = "DATE", value_parser = DataDate::parse)]
    pub stream_start: Option<DataDate>,
    /// Of a stream: up to this moment.
    #[arg(long, value_name = "DATE", value_parser = DataDate::parse)]
    pub stream_end: Option<DataDate>,
    /// By whose clocks the table's date column tells the time: a name of the IANA database.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = parse_time_zone)]
    pub timezone: TimeZone,
    /// Files whose names do not end with .gz are compressed with gzip too; of a manifest, the files that it lists.
    #[arg(long)]
    pub gzip: bool,
    /// What separates the fields, which may stand in quotes; without it, files are JSON.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<String>,
    /// A warehouse other than the deployment's own, by its number in ext_target.
    #[arg(long, value_name = "ID")]
    pub target: Option<i32>,
    /// Where the files lie, if not {schema}/{table}/_data_timestamp_year={year}/_data_timestamp_month={month}/_data_timestamp_day={day}/{schema}_{table}_{date}; the suffix follows {date} by itself.
    #[arg(long, value_name = "PATTERN")]
    pub layout: Option<String>,
    /// Vacuum and analyze the table afterwards when so many rows or more were deleted; 0: never.
    #[arg(long, value_name = "ROWS", default_value_t = 100_000)]
    pub vacuum_rows: u64,
    /// Print the statements that make the table fit and those that load it, and change nothing.
    #[arg(long)]
    pub plan: bool,
    /// Who; kept on the ledger.
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "an operator", value_parser = parse_words)]
    pub operator: String,
}
