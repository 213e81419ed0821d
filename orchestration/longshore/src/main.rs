//! `longshore`, the operator's command line.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 your input, 2 our failure.

mod block;
mod cli;
mod commands;
mod deployment;
mod exit;
mod file_on_disk;
mod import;
mod infer;
mod local;
mod output;
mod read;
mod split;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::cli::{Cli, Command, LocalCommand};
use crate::exit::{ExitStatus, report};

/// What a command waits for, it waits for on one thread, like a function: what one core read it also looks at, and no other has to be
/// woken. Counting a GiB takes a third less of the processor so. A whole deployment needs all cores.
fn runtime(command: &Command) -> Builder {
    match command {
        Command::Local(LocalCommand::Up(_)) | Command::Demo(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error).into(),
    };
    let json = cli.json;
    let status = match runtime(&cli.command).enable_all().build() {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(error.into()),
    };
    match status {
        Ok(status) => status.into(),
        Err(error) if exit::is_broken_pipe(&error) => ExitStatus::Done.into(),
        Err(error) => report(&error, json).into(),
    }
}
