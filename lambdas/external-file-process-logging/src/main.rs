//! The Lambda function `external-file-process-logging`; see its README.

mod event;
mod handler;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    longshore_runtime::lambda::run(handler::handle).await
}
