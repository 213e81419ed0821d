//! `batch`: files that wait for each other.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use longshore_domain::load::LoadState;

use super::HandArguments;
use super::load::ByHandArguments;
use super::value::{IdArgument, parse_batch, parse_moment, parse_state};

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// List what waits to be put into a batch, and batches, the newest first.
    List(BatchListArguments),
    /// Show everything about a batch or about what waits in a buffer, and its files.
    Show {
        /// The id of a batch or of a buffer.
        #[arg(value_name = "ID", value_parser = parse_batch)]
        id: IdArgument,
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
    /// Only batches made at this time or later: 6h is six hours ago; or 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z, in UTC.
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
    /// The ids of buffers, or of sets that are not to wait for what they lack; see: longshore batch list.
    #[arg(value_name = "BUFFER", value_parser = parse_batch, required_unless_present_any = ["rule", "all"])]
    pub ids: Vec<IdArgument>,
    /// All buffers of this rule.
    #[arg(long, value_name = "ID", conflicts_with = "ids")]
    pub rule: Option<i32>,
    /// All buffers.
    #[arg(long, conflicts_with_all = ["ids", "rule"])]
    pub all: bool,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReprocessArguments {
    /// The batches' ids.
    #[arg(value_name = "ID", value_parser = parse_batch, required = true)]
    pub ids: Vec<IdArgument>,
    /// Load beside rows that are there instead of replacing them.
    #[arg(long)]
    pub accept_duplicates: bool,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The ids of buffers or sets.
    #[arg(value_name = "BUFFER", value_parser = parse_batch, required = true)]
    pub ids: Vec<IdArgument>,
    #[command(flatten)]
    pub hand: HandArguments,
}
