//! `local`, `demo` and `migrate`: a stack on this machine, and the tables of any.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
    /// Seconds that an invocation of a function may take, at least 30: with less than 20 left, nothing is begun. What a dead one held is
    /// free after this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u16).range(30..=900))]
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    /// A function begins nothing with less than 20 s left: with a shorter time every file would be put off for ever, without a word.
    #[test]
    fn a_function_has_time_to_begin_something() {
        let up = |seconds| Cli::try_parse_from(["longshore", "local", "up", "--function-timeout", seconds]);
        assert!(up("30").is_ok());
        let refused = up("29").unwrap_err().to_string();
        assert!(refused.contains("29 is not in 30..=900"), "{refused}");
    }
}
