//! `import`: configurations of other loaders.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Of awslabs/aws-lambda-redshift-loader: its config.json, or the item of its DynamoDB table as JSON.
    Awslabs(ImportArguments),
    /// Of the SQS microbatch loader: the JSON file of a queue, which is called after it.
    Microbatch {
        #[command(flatten)]
        arguments: ImportArguments,
        /// The queue, when the file is not called after it.
        #[arg(long, value_name = "NAME")]
        queue: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The configuration; - reads stdin. What it becomes is printed, to be reviewed and given to `rule apply`.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The number of the rule.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rule: i32,
    /// The number of its feed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub interface: i64,
    /// The number of its warehouse.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub target: i32,
}
