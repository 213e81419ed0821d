//! The commands and their options, as they are typed.

mod batch;
mod bulk;
mod dlq;
#[cfg(test)]
mod documented;
mod file;
mod import;
mod load;
mod local;
mod query;
mod reconcile;
mod rule;
mod snapshot;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use batch::{
    BatchCommand, BatchListArguments, DeleteArguments, FlushArguments, ReprocessArguments,
};
pub(crate) use bulk::{BulkCommand, BulkLoadArguments};
pub(crate) use dlq::{DlqArguments, DlqCommand};
pub(crate) use file::{
    CheckArguments, FileArguments, FileCommand, PrepareArguments, SplitArguments, SplitPlace, WhichRule,
};
pub(crate) use import::{ImportArguments, ImportCommand};
pub(crate) use load::{ByHandArguments, FollowUpArguments, LoadCommand, LoadListArguments, ReplayArguments};
pub(crate) use local::{
    DemoArguments, IsolationLevel, LocalCommand, LocalSqlArguments, LocalUpArguments, MigrateArguments,
};
pub(crate) use query::{ChainCommand, QueryCommand, QueryRunArguments};
pub(crate) use reconcile::{BackfillArguments, MarkerCommand, ReconcileArguments, SettleArguments};
pub(crate) use rule::{HasHeader, InferArguments, RuleCommand, RuleFilter, RuleStatus};
pub(crate) use snapshot::{SnapshotCommand, SnapshotListArguments, SnapshotLoadArguments};
pub(crate) use value::IdArgument;
use value::parse_words;

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
    /// Files that should have come and did not.
    #[command(subcommand)]
    Late(LateCommand),
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
    /// Lost events and answers, workers that died, messages unsent, files that no event announced, and files that should have come
    /// and did not; and it compares the ledger with the markers in the warehouse.
    Reconcile(ReconcileArguments),
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

#[derive(Debug, Subcommand)]
pub(crate) enum WarehouseCommand {
    /// List the warehouses: in use or paused, since when and why, when they are next tried, how many loads wait.
    List,
    /// Have a paused warehouse tried at once: by the load that waits longest, and when that runs there all go on.
    Resume(ResumeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The warehouse as `warehouse list` names it, or so much of the beginning that only one paused one is meant.
    #[arg(value_name = "NAME", value_parser = parse_words)]
    pub name: String,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LateCommand {
    /// List the times at which fewer files of a rule had come than it expects, the newest first, and whether they came after all.
    List(LateListArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LateListArguments {
    /// Of this rule alone.
    #[arg(long, value_name = "ID")]
    pub rule: Option<i32>,
    /// Show at most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

/// What else a doctor looks at.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The functions' role: IAM is asked whether it may do what the functions do. The stack's output `LoaderRole`.
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Cli::command().debug_assert();
    }
}
