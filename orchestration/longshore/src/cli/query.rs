//! `query` and `chain`: statements that run one after the other.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::HandArguments;

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
        #[command(flatten)]
        hand: HandArguments,
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
