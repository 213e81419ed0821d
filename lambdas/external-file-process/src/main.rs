//! The Lambda function `external-file-process`; see its README.

mod handler;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    longshore_runtime::lambda::run(handler::handle).await
}
