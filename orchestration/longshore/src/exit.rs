//! How the program ends.

use std::io::Write as _;
use std::process::ExitCode;

use longshore_app::with_causes;
use serde_json::json;

use crate::output::harmless;

/// The three ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// What was asked for was done.
    Done,
    /// What was asked for cannot be: the input is at fault.
    Input,
    /// We, or something we need, failed.
    Failure,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Done => ExitCode::SUCCESS,
            ExitStatus::Input => ExitCode::from(1),
            ExitStatus::Failure => ExitCode::from(2),
        }
    }
}

/// An error that the input is at fault for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InputError(pub String);

/// An input error as an `anyhow::Error`.
pub(crate) fn input(message: impl Into<String>) -> anyhow::Error {
    InputError(message.into()).into()
}

/// An error with all its causes on one line, each said once.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    with_causes(&**error)
}

/// Says what went wrong, with all causes, once.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitStatus {
    let status = match error.downcast_ref::<InputError>() {
        Some(_) => ExitStatus::Input,
        None => ExitStatus::Failure,
    };
    let message = causes(error);
    let line = if json {
        json!({ "error": message }).to_string()
    } else {
        format!("error: {}", harmless(&message))
    };
    // Nobody is left to tell when stderr is closed.
    writeln!(std::io::stderr(), "{line}").ok();
    status
}

/// What clap has to say: help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitStatus {
    error.print().ok();
    if error.use_stderr() {
        ExitStatus::Input
    } else {
        ExitStatus::Done
    }
}

/// Whether the reader of our output went away, which is no error of anybody's (`longshore load list | head`).
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
