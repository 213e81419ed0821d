//! `reconcile`, `marker` and `backfill`: what no event announced, and what ledger and warehouse do not agree about.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use longshore_domain::object::WatchedPrefix;

use super::HandArguments;
use super::value::{IdArgument, parse_load, parse_moment, parse_prefix};

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
    Forget(SettleArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SettleArguments {
    /// The loads' ids.
    #[arg(value_name = "ID", value_parser = parse_load, required = true)]
    pub loads: Vec<IdArgument>,
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
    #[command(flatten)]
    pub hand: HandArguments,
}
