//! Runs a command with a throw-away PostgreSQL server: `with-postgres cargo nextest run`.

use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use longshore_testkit::{DATABASE_URL_VARIABLE, ThrowAwayServer};

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        bail!("name the command to run: with-postgres COMMAND [ARGUMENT…]");
    };
    let server = ThrowAwayServer::start()?;
    let status = Command::new(&program)
        .args(arguments)
        .env(DATABASE_URL_VARIABLE, server.url())
        .status()
        .with_context(|| format!("run {}", program.to_string_lossy()))?;
    // Ended by a signal: no code of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
