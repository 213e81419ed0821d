//! Finding the shipped executables.

use std::path::PathBuf;

use anyhow::{Context, bail};

/// The executable `name`, beside which this test was built: `target/debug/deps/<test>` and `target/debug/<name>`.
///
/// # Errors
/// When it is not there; the message says the command that builds it.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("find this test's executable")?;
    let candidates = test.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    for candidate in candidates {
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!(
        "{name} was not built beside {}; build it with: cargo build --workspace",
        test.display()
    )
}
