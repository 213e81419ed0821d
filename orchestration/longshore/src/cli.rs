//! The commands and their options, as they are typed.

use std::num::NonZeroU32;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::queue::QueueName;
use longshore_domain::snapshot::{DataDate, parse_time_zone};
use longshore_domain::target::TableName;
use uuid::Uuid;

/// Loads the files that land in a bucket into Amazon Redshift: once, checked, and on the record.
#[derive(Debug, Parser)]
#[command(
    name = "longshore",
    version,
    max_term_width = 110,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Print JSON for machines instead of tables for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// Work on the local stack that wrote this ready file (see `local up --ready-file`). Without it, the settings come
    /// from the environment, as they do for the functions.
    #[arg(long, global = true, value_name = "FILE", env = "LONGSHORE_LOCAL")]
    pub local: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole of it on this machine.
    #[command(subcommand)]
    Local(LocalCommand),
    /// Start a local stack, land sample files, show what happens to each, and stop.
    Demo(DemoArguments),
    /// Bring the control database and the warehouse's own schemas up to date. May be run at any time, and twice.
    Migrate(MigrateArguments),
    /// The rules that say how files are checked, prepared and loaded.
    #[command(subcommand)]
    Rule(RuleCommand),
    /// The ledger of loads.
    #[command(subcommand)]
    Load(LoadCommand),
    /// Files that are loaded together: those that wait for each other, and the batches that carry them.
    #[command(subcommand)]
    Batch(BatchCommand),
    /// What the ledger knows of one key, and what an operator may do about it.
    #[command(subcommand)]
    File(FileCommand),
    /// Load what lies in a bucket under a rule and was never loaded.
    Backfill(BackfillArguments),
    /// Load what lies under a prefix into a table, once, by as few transactions as it takes.
    #[command(subcommand)]
    Bulk(BulkCommand),
    /// Load dated snapshots: the newest file into a table that is made, or widened, to fit its description.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Where the ledger and the markers in the warehouse differ.
    #[command(subcommand)]
    Marker(MarkerCommand),
    /// The warehouses that loads go to.
    #[command(subcommand)]
    Warehouse(WarehouseCommand),
    /// Announcements that no function could take.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Chains of SQL statements.
    #[command(subcommand)]
    Query(QueryCommand),
    /// Chains that rules name as their follow-up.
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Turn the configuration of an older loader into rules.
    #[command(subcommand)]
    Import(ImportCommand),
    /// The secrets and logins of a deployment.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// The topics that outcomes are told to.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Look at a deployment from the settings to the tables that its rules fill, and say what mends what is wrong.
    Doctor(DoctorArguments),
    /// Carry on what stands still until nothing is left. What external-file-reconcile does.
    ///
    /// Lost events and answers, workers that died, messages unsent, and files that no event announced; and it compares the ledger
    /// with the markers in the warehouse.
    Reconcile(ReconcileArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Start PostgreSQL, the AWS endpoint and the functions on loopback, and keep them running until Ctrl-C or SIGTERM.
    Up(LocalUpArguments),
    /// Open psql on the warehouse of the local stack that --local names, or run one statement through its Data API.
    Sql(LocalSqlArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LocalUpArguments {
    /// Keep everything in this folder and take it up again from there. Without it, a temporary folder is used and removed.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The port of the AWS endpoint; 0 takes any free one.
    #[arg(long, value_name = "N", default_value_t = 4510)]
    pub port: u16,
    /// Write where everything is to this file, as JSON, once it is ready.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Load the sample rules and tables too.
    #[arg(long)]
    pub samples: bool,
    /// What the warehouse's transactions see of each other.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = IsolationLevel::Snapshot)]
    pub isolation: IsolationLevel,
    /// Let things go wrong on purpose, by this fault plan (JSON; see orchestration/local-stack).
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Seconds that an invocation of a function may take. What a dead one held is free after this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub function_timeout: u16,
    /// A setting of the functions, such as LONGSHORE_REPORTED_FAILURES=fail; may be given several times.
    #[arg(long = "function-setting", value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub function_settings: Vec<(String, String)>,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE, such as LONGSHORE_REPORTED_FAILURES=fail".to_owned()),
    }
}

/// The isolation level of a Redshift database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IsolationLevel {
    /// Only two writers of one row disturb each other; the default of serverless namespaces.
    Snapshot,
    /// Transactions end as if one ran after the other; one of those that cannot fails with error 1023.
    Serializable,
}

#[derive(Debug, Args)]
pub(crate) struct LocalSqlArguments {
    /// Run this statement, print what it returns, and end.
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub statement: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Keep the local stack running afterwards, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    /// Load the sample rules and tables too.
    #[arg(long)]
    pub samples: bool,
    /// Leave the warehouse alone.
    #[arg(long)]
    pub control_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArguments {
    /// Do one slice of the work, as the function does every minute.
    #[arg(long)]
    pub once: bool,
    /// Leave alone what moved or was written within the last so many seconds: its events are on their way. Without it, loads
    /// are left alone for two minutes and files for fifteen.
    #[arg(long, value_name = "SECONDS")]
    pub idle: Option<u32>,
    /// Look at so many loads at most in each slice.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MarkerCommand {
    /// List the differences that `reconcile` found, the newest first, each with the command that settles it.
    List {
        /// Those that are settled too.
        #[arg(long)]
        all: bool,
    },
    /// Settle differences: what the warehouse holds counts. The markers stay, so the loads never happen again.
    Adopt(SettleArguments),
    /// Settle differences: delete the markers, so that the loads may happen again. Take their rows out of the table first.
    Forget {
        /// Yes, the rows are out of the table.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        arguments: SettleArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SettleArguments {
    /// The loads' ids.
    #[arg(value_name = "ID", value_parser = parse_load, required = true)]
    pub loads: Vec<LoadId>,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who says so, for the record.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "an operator")]
    pub by: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FileCommand {
    /// Show every load of a key, the newest first, and what lies there now.
    Status {
        /// The object: s3://bucket/key.
        #[arg(value_name = "URL")]
        url: String,
    },
    /// Let a file that was loaded be loaded again when it is sent again, whatever its rule says about files that come again.
    ///
    /// Its rows stay where they are: delete them first. Its load and its marker stay too: a repeated event of the same object
    /// loads nothing. To load it now, from where it lies, use reprocess.
    Forget(FileArguments),
    /// Let the newest load of a key happen again, as `load replay` does.
    Reprocess {
        /// Load beside rows that are there instead of replacing them.
        #[arg(long)]
        accept_duplicates: bool,
        #[command(flatten)]
        arguments: FileArguments,
    },
    /// Do to an object what a function does before it loads it, and cut it into parts. Nothing is loaded.
    ///
    /// The trailer is taken off, and so is the header where there are several parts. What is not compressed is cut on the server's side:
    /// no byte of it goes up, and of each part some tens of KiB come down.
    Prepare(PrepareArguments),
    /// Say whether a function would take a file: its name, its bytes, its header, its trailer and its counts. Nothing is written.
    ///
    /// What a function would refuse the file for is printed, and the exit code is 1 then. The deployment's least size of a file and
    /// the table are not looked at.
    Check(CheckArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file: a path, or s3://bucket/key.
    #[arg(value_name = "FILE")]
    pub file: String,
    #[command(flatten)]
    pub rule: WhichRule,
    /// Print how many requests, bytes, seconds and how much memory it took.
    #[arg(long)]
    pub stats: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PrepareArguments {
    /// The object: s3://bucket/key.
    #[arg(value_name = "URL")]
    pub url: String,
    /// How many parts of about the same size are made of it.
    #[arg(long, value_name = "N", default_value = "1")]
    pub parts: NonZeroU32,
    /// Read all of it and count its records: the trailer's count must be theirs. Without it, a trailer is taken at its word where
    /// nothing else needs the bytes.
    #[arg(long)]
    pub verify_count: bool,
    /// Compress the parts with zstd.
    #[arg(long, conflicts_with = "gzip")]
    pub zstd: bool,
    /// Compress the parts with gzip.
    #[arg(long)]
    pub gzip: bool,
    /// What the parts are called: s3://bucket/prefix, to which the file's name and a number are added. Without it, they go to
    /// by-hand/ in the processing folder of the file's bucket, where nothing takes them for new files.
    #[arg(long, value_name = "PREFIX", value_parser = parse_prefix)]
    pub out: Option<WatchedPrefix>,
    #[command(flatten)]
    pub rule: WhichRule,
    /// Print how many requests, bytes, seconds and how much memory it took.
    #[arg(long)]
    pub stats: bool,
}

/// The rule that says what a file is. Without either, the one that the file falls under.
#[derive(Debug, Args)]
pub(crate) struct WhichRule {
    /// This rule, by its number.
    #[arg(long, value_name = "ID", conflicts_with = "rule_file")]
    pub rule: Option<i32>,
    /// The rule in this document (as `rule export` prints it); the control database is not asked.
    #[arg(long, value_name = "FILE")]
    pub rule_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// The objects: s3://bucket/key.
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<String>,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BackfillArguments {
    /// The rule that the files fall under. Of a rule with a queue_name all files below the prefix do.
    #[arg(long, value_name = "ID")]
    pub rule: i32,
    /// Where they lie: s3://bucket/prefix.
    #[arg(long, value_name = "URL", value_parser = parse_prefix)]
    pub prefix: WatchedPrefix,
    /// Written at this time or later: 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z, in UTC.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: DateTime<Utc>,
    /// Written before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<DateTime<Utc>>,
    /// At most this many files; doing it again goes on with the others.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub limit: u64,
    /// Do it. Without this, what would be done is printed and nothing happens.
    #[arg(long)]
    pub yes: bool,
    /// Who; kept on the ledger.
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "an operator", value_parser = parse_words)]
    pub operator: String,
}

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
    /// What the files' names end with, where it is not what the format is called. Other files are left alone.
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

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Find the newest data of each table, or that of a date, make the table fit, and load it in place of its period.
    Load(SnapshotLoadArguments),
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
    pub timezone: Tz,
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

fn parse_table(text: &str) -> Result<TableName, String> {
    match text.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => Ok(TableName::new(schema, table)),
        _ => Err("write schema.table".to_owned()),
    }
}

/// A number of bytes, with a binary unit or without.
fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    let number: Option<u64> = digits.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "write a number of bytes, KiB, MiB, GiB or TiB, such as 100MiB".to_owned())
}

fn parse_prefix(text: &str) -> Result<WatchedPrefix, String> {
    WatchedPrefix::parse(text).ok_or_else(|| "write s3://bucket/prefix".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List the messages: what they are about, how old they are, how often they were received, and where they come from.
    List(DlqArguments),
    /// Send announcements back to the queue that gave them up. Repeating one that was processed after all does no harm.
    Redrive {
        /// Send them to this queue instead: those that came to the dead letters without a queue need it.
        #[arg(long, value_name = "URL")]
        to: Option<String>,
        /// Only these messages, by their ids.
        #[arg(long = "id", value_name = "ID")]
        ids: Vec<String>,
        /// Do it. Without this, what would be done is printed and nothing happens.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        arguments: DlqArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DlqArguments {
    /// The queue of dead letters (of the template: its output UndeliveredQueue); of a local stack its own.
    #[arg(long, value_name = "URL", env = "LONGSHORE_UNDELIVERED_QUEUE")]
    pub queue: Option<String>,
    /// At most this many messages.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// List the active rules, and what is wrong with each.
    List(RuleFilter),
    /// Say everything that is wrong with the active rules, each by itself and all together.
    Lint {
        /// Only these rules.
        #[arg(value_name = "RULE")]
        rules: Vec<i32>,
    },
    /// Show a rule, and when and by whom it was changed.
    Show {
        /// The rule's number.
        #[arg(value_name = "RULE")]
        rule: i32,
        /// As it was in this version; `load show` says which one a load ran under.
        #[arg(long, value_name = "N")]
        version: Option<i32>,
    },
    /// Print the tables of rules as the YAML document that `rule apply` takes.
    Export {
        /// Only these rules, and what they refer to.
        #[arg(value_name = "RULE")]
        rules: Vec<i32>,
    },
    /// Propose a rule for files like these: a document for `rule apply`, with the columns' types.
    ///
    /// Delimited text, CSV, fixed width, JSON, Avro, Parquet and ORC; gzip, bzip2 and zstd are unpacked. Files of one rule may be named
    /// together. No database is asked.
    Infer(InferArguments),
    /// Print the statements that make the tables of a rule: stage, target, and rows at fault.
    Ddl {
        /// The rule's number.
        #[arg(value_name = "RULE")]
        rule: i32,
    },
    /// Bring the tables to what a YAML document says. Rules that it does not name stay as they are.
    Apply {
        /// The document; - reads stdin.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Make a rule.
    Add {
        /// Fields by their columns' names, such as file_prefix=701. and columns=ndc,price:10; `rule export` shows all.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Change fields of a rule; FIELD= empties one.
    Edit {
        /// The rule's number.
        #[arg(value_name = "RULE")]
        rule: i32,
        /// Fields by their columns' names.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Let the files of rules wait. Those that are prepared already are loaded.
    Pause {
        /// The rules' numbers.
        #[arg(value_name = "RULE", required = true)]
        rules: Vec<i32>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Let rules work again, and the files that waited go on.
    Resume {
        /// The rules' numbers.
        #[arg(value_name = "RULE", required = true)]
        rules: Vec<i32>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Say which rule an object falls under, which it does not, and why.
    Explain {
        /// The object: s3://bucket/key. It need not exist.
        #[arg(value_name = "URL")]
        url: String,
        /// The queue that brings it, by its name or ARN: a rule of that queue goes before any other.
        #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
        queue: Option<QueueName>,
        /// Say too how a file of the length of --size is prepared under its rule, and what that costs: requests, bytes, memory, seconds
        /// and dollars.
        #[arg(long, requires = "size")]
        plan: bool,
        /// The length: a number of bytes, or one of KiB, MiB, GiB or TiB, such as 100MiB.
        #[arg(long, value_name = "SIZE", value_parser = parse_size, requires = "plan")]
        size: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RuleFilter {
    /// Only rules of this feed, by its number or name.
    #[arg(long, value_name = "FEED")]
    pub interface: Option<String>,
    /// Only rules that take what this queue brings, by its name or ARN.
    #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
    pub queue: Option<QueueName>,
    /// Only rules that stand so.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub status: Option<RuleStatus>,
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleStatus {
    /// Nothing is wrong with it.
    Sound,
    /// Something is; its files are refused.
    Faulty,
    /// Its files wait.
    Paused,
    /// It is switched off: no rule for any file.
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Say of every secret and login that the settings and the targets name whether it is there, is in shape, and works.
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test message to every topic in use, the deployment's and those of rules, and say what each answered.
    Test {
        /// Who; the message says so.
        #[arg(long = "as", value_name = "NAME", env = "USER", value_parser = parse_words)]
        operator: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Of awslabs/aws-lambda-redshift-loader: its config.json, or the item of its DynamoDB table as JSON.
    Awslabs(ImportArguments),
    /// Of the SQS microbatch loader: the JSON file of a queue, which is called after it.
    Microbatch {
        #[command(flatten)]
        arguments: ImportArguments,
        /// The queue, when the file is not called after it.
        #[arg(long, value_name = "NAME")]
        queue: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The configuration; - reads stdin. What it becomes is printed, to be reviewed and given to `rule apply`.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The number of the rule.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rule: i32,
    /// The number of its feed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub interface: i64,
    /// The number of its warehouse.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub target: i32,
}

#[derive(Debug, Args)]
pub(crate) struct InferArguments {
    /// The samples, called as the files will be.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The number of the rule; rules of record types count on from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rule: i32,
    /// The number of its feed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub interface: i64,
    /// The table: schema.table. Without it, one that is called after the first file.
    #[arg(long, value_name = "TABLE", value_parser = parse_table)]
    pub table: Option<TableName>,
    /// What stands between fields, where the guess is wrong: one character, or \t.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    pub delimiter: Option<u8>,
    /// The widths of columns of fixed width, in characters.
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with = "delimiter", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub widths: Vec<u32>,
    /// Whether the first record names the columns, where the guess is wrong.
    #[arg(long, value_enum, value_name = "WHETHER")]
    pub header: Option<HasHeader>,
    /// Print the statements that make the tables instead of the document.
    #[arg(long)]
    pub ddl: bool,
}

/// Whether samples have a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HasHeader {
    /// The first record names the columns.
    Yes,
    /// The first record is data.
    No,
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"' | 0) => Ok(*byte),
        _ => Err("write one ASCII character, or \\t".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum LoadCommand {
    /// List loads, the newest first.
    List {
        /// Only loads in this state.
        #[arg(long, value_name = "STATE", value_parser = parse_state)]
        state: Option<LoadState>,
        /// Only loads of this rule.
        #[arg(long, value_name = "ID")]
        rule: Option<i32>,
        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Show everything about a load: facts, statements, row errors, messages.
    Show {
        /// The load's id.
        #[arg(value_name = "ID", value_parser = parse_load)]
        id: LoadId,
    },
    /// Show the states that a load passed through, and what was done to it by hand.
    Timeline {
        /// The load's id.
        #[arg(value_name = "ID", value_parser = parse_load)]
        id: LoadId,
    },
    /// Let files happen again, each as a load of its own: one that failed or was refused, or one whose rows are replaced.
    Replay(ReplayArguments),
    /// Stop loads whose rows are not in the warehouse yet.
    Cancel(ByHandArguments),
    /// Take the lease of a dead worker away.
    Release(ByHandArguments),
    /// Put loads aside that wait or cannot begin; their files go to the archive.
    Skip(ByHandArguments),
    /// Run the follow-up of a load again, where that failed; its rows stay as they are.
    FollowUp(FollowUpArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// List what waits to be put into a batch, and batches, the newest first.
    List(BatchListArguments),
    /// Show everything about a batch or about what waits in a buffer, and its files.
    Show {
        /// The id of a batch or of a buffer.
        #[arg(value_name = "ID", value_parser = parse_batch)]
        id: Uuid,
    },
    /// Have batches made of what waits, whatever the limits of the rule say.
    Flush(FlushArguments),
    /// Take the lease on a batch of a dead worker away.
    Release(ByHandArguments),
    /// Let all files of batches that failed happen again, each as a load of its own.
    Reprocess(ReprocessArguments),
    /// Put all files aside that wait in buffers. What is put aside is printed whole; the files go to the archive.
    Delete(DeleteArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BatchListArguments {
    /// Only batches in this state.
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    pub state: Option<LoadState>,
    /// Only those of this rule.
    #[arg(long, value_name = "ID")]
    pub rule: Option<i32>,
    /// Only batches made at this time or later: 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z, in UTC.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<DateTime<Utc>>,
    /// Only batches made before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<DateTime<Utc>>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct FlushArguments {
    /// The buffers' ids; see: longshore batch list.
    #[arg(value_name = "BUFFER", value_parser = parse_batch, required_unless_present_any = ["rule", "all"])]
    pub ids: Vec<Uuid>,
    /// All buffers of this rule.
    #[arg(long, value_name = "ID", conflicts_with = "ids")]
    pub rule: Option<i32>,
    /// All buffers.
    #[arg(long, conflicts_with_all = ["ids", "rule"])]
    pub all: bool,
    /// Do it. Without this, what would be done is printed and nothing happens.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReprocessArguments {
    /// The batches' ids.
    #[arg(value_name = "ID", value_parser = parse_batch, required = true)]
    pub ids: Vec<Uuid>,
    /// Load beside rows that are there instead of replacing them.
    #[arg(long)]
    pub accept_duplicates: bool,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The buffers' ids.
    #[arg(value_name = "BUFFER", value_parser = parse_batch, required = true)]
    pub ids: Vec<Uuid>,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ByHandArguments {
    /// The loads' ids.
    #[arg(value_name = "ID", value_parser = parse_load, required = true)]
    pub ids: Vec<LoadId>,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct FollowUpArguments {
    /// The load's id; of a file in a batch, the batch's.
    #[arg(value_name = "ID", value_parser = parse_load)]
    pub id: LoadId,
    /// The step to begin at, from 1, where the follow-up is a chain: the one that failed, unless said otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub from: Option<u32>,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// The loads' ids; the id of a part replays that part alone.
    #[arg(value_name = "ID", value_parser = parse_load, required_unless_present = "rule", conflicts_with = "rule")]
    pub ids: Vec<LoadId>,
    /// All loads of this rule instead, that were received between --since and --until; of one content the newest.
    #[arg(long, value_name = "ID", requires = "since", requires = "until")]
    pub rule: Option<i32>,
    /// Received at this time or later: 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z, in UTC.
    #[arg(long, value_name = "TIME", value_parser = parse_moment, requires = "rule")]
    pub since: Option<DateTime<Utc>>,
    /// Received before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment, requires = "rule")]
    pub until: Option<DateTime<Utc>>,
    /// Of these only the loads in this state; without it those that failed or were rejected.
    #[arg(long, value_name = "STATE", value_parser = parse_state, requires = "rule")]
    pub state: Option<LoadState>,
    /// Load beside rows that are there instead of replacing them.
    #[arg(long)]
    pub accept_duplicates: bool,
    #[command(flatten)]
    pub hand: HandArguments,
}

/// Who does something by hand, why, and whether it is meant.
#[derive(Debug, Args)]
pub(crate) struct HandArguments {
    /// Do it. Without this, what would be done is printed and nothing happens.
    #[arg(long)]
    pub yes: bool,
    /// Why; kept on record.
    #[arg(long, value_name = "REASON", value_parser = parse_words)]
    pub why: String,
    /// Who; kept on record.
    #[arg(long = "as", value_name = "NAME", env = "USER", value_parser = parse_words)]
    pub operator: String,
}

fn parse_words(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.is_empty() {
        true => Err("it is blank; the ledger keeps it for whoever looks later".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// A moment in UTC, or in the zone that is written with it.
fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let with_time = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|layout| NaiveDateTime::parse_from_str(text, layout).ok());
    let midnight = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    with_time
        .or_else(midnight)
        .map(|moment| moment.and_utc())
        .ok_or_else(|| "write 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum WarehouseCommand {
    /// List the warehouses: in use or paused, since when and why, when they are next tried, how many loads wait.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueryCommand {
    /// Run the statements of a file one after the other, each tried again where its error says so. Ctrl-C cancels the one that
    /// is running.
    Run(QueryRunArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChainCommand {
    /// List the chains and how many steps each has.
    List,
    /// Print a chain as it was written.
    Show {
        /// Its name.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Write a chain, in place of the one of this name. Without --yes it is checked and nothing is written. Loads that are
    /// planned already run what they were planned with.
    Apply {
        /// Its name, by which the query of a rule says chain:NAME.
        #[arg(value_name = "NAME", value_parser = parse_chain_name)]
        name: String,
        /// A JSON array of SQL texts or query objects, as for `query run`; - reads stdin.
        #[arg(value_name = "FILE")]
        chain: PathBuf,
        /// Write it.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct QueryRunArguments {
    /// A JSON array of SQL texts or query objects (see orchestration/state-machines); - reads stdin.
    #[arg(value_name = "FILE")]
    pub chain: PathBuf,
    /// Show every query of the chain while it runs.
    #[arg(long)]
    pub watch: bool,
    /// Begin with this query, counted from 1; those before it are not run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub from: usize,
}

fn parse_chain_name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = text.len() <= 100
        && text.starts_with(is_plain)
        && text
            .chars()
            .all(|letter| is_plain(letter) || "_.-".contains(letter));
    match is_name {
        true => Ok(text.to_owned()),
        false => Err(
            "a chain's name has up to 100 of a-z, 0-9, _, . and -, the first of them a letter or a digit"
                .to_owned(),
        ),
    }
}

fn parse_load(text: &str) -> Result<LoadId, String> {
    Uuid::parse_str(text)
        .map(LoadId::from_uuid)
        .map_err(|_| "a load's id looks like 0197a3c2-…; see: longshore load list".to_owned())
}

fn parse_batch(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|_| "the id looks like 0197a3c2-…; see: longshore batch list".to_owned())
}

fn parse_state(text: &str) -> Result<LoadState, String> {
    LoadState::parse(text).ok_or_else(|| {
        let words: Vec<_> = LoadState::ALL.iter().map(|state| state.as_str()).collect();
        format!("the states are {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_moment_is_a_day_a_minute_or_whatever_rfc_3339_says() {
        let moment = |text: &str| parse_moment(text).map(|moment| moment.to_rfc3339());
        assert_eq!(moment("2026-11-26").unwrap(), "2026-11-26T00:00:00+00:00");
        assert_eq!(moment("2026-11-26 07:30").unwrap(), "2026-11-26T07:30:00+00:00");
        assert_eq!(
            moment("2026-11-26T07:30:00+02:00").unwrap(),
            "2026-11-26T05:30:00+00:00"
        );
        assert!(moment("yesterday").is_err());
    }
}

/// What else a doctor looks at.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The functions' role: IAM is asked whether it may do what the functions do. The stack's output `LoaderRole`.
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
}
