//! `load`: the ledger, and what is done about a load by hand.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use longshore_domain::load::LoadState;
use longshore_store::FileBeginning;

use super::HandArguments;
use super::value::{IdArgument, parse_file, parse_load, parse_moment, parse_state, parse_words};

#[derive(Debug, Subcommand)]
pub(crate) enum LoadCommand {
    /// List loads, the newest first.
    List(LoadListArguments),
    /// Show everything about a load: facts, statements, row errors, messages.
    Show {
        /// The load's id.
        #[arg(value_name = "ID", value_parser = parse_load)]
        id: IdArgument,
    },
    /// Show the states that a load passed through, and what was done to it by hand.
    Timeline {
        /// The load's id.
        #[arg(value_name = "ID", value_parser = parse_load)]
        id: IdArgument,
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

#[derive(Debug, Args)]
pub(crate) struct LoadListArguments {
    /// Only loads in this state.
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    pub state: Option<LoadState>,
    /// Only loads of this rule.
    #[arg(long, value_name = "ID")]
    pub rule: Option<i32>,
    /// Only loads received at this time or later: 6h is six hours ago; or 2026-11-26, 2026-11-26 07:30 or
    /// 2026-11-26T07:30:00Z, in UTC.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<DateTime<Utc>>,
    /// Only loads received before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<DateTime<Utc>>,
    /// Only loads of files whose name begins so; with a slash in it, whose key does: PRICES_2026, in/prices/ or
    /// s3://bucket/in/prices/PRICES_2026.
    #[arg(long, value_name = "FILE", value_parser = parse_file)]
    pub file: Option<FileBeginning>,
    /// Only loads that were refused or failed with this code.
    #[arg(long, value_name = "CODE", value_parser = parse_words)]
    pub code: Option<String>,
    /// Only loads that failed or were refused and still need somebody: not replayed, and not replaced by a later file that is done.
    #[arg(long)]
    pub open: bool,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ByHandArguments {
    /// The loads' ids.
    #[arg(value_name = "ID", value_parser = parse_load, required = true)]
    pub ids: Vec<IdArgument>,
    #[command(flatten)]
    pub hand: HandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct FollowUpArguments {
    /// The load's id; of a file in a batch, the batch's.
    #[arg(value_name = "ID", value_parser = parse_load)]
    pub id: IdArgument,
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
    pub ids: Vec<IdArgument>,
    /// All loads of this rule instead, that were received between --since and --until; of one content the newest.
    #[arg(long, value_name = "ID", requires = "since", requires = "until")]
    pub rule: Option<i32>,
    /// Received at this time or later: 6h is six hours ago; or 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z, in UTC.
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
