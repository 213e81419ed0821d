//! `secret check`.

use super::doctor::logins;
use crate::cli::SecretCommand;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Carries out a `secret` command.
pub(crate) async fn run(
    command: SecretCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        SecretCommand::Check => logins::run(deployment, output).await,
    }
}
