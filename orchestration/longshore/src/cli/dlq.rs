//! `dlq`: what was given up.

use clap::{Args, Subcommand};

use super::HandArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List the messages: what they are about, how old they are, how often they were received, and where they come from.
    List(DlqArguments),
    /// Send announcements back to the queue that gave them up. Repeating one that was processed after all does no harm.
    Redrive {
        /// Send them to this queue instead: those that came to the dead letters without a queue need it.
        #[arg(long, value_name = "URL")]
        to: Option<String>,
        /// Only these messages, by their ids.
        #[arg(long = "id", value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        arguments: DlqArguments,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Delete messages that need nothing any more, such as the end of a statement, which the reconciler has settled.
    Delete {
        /// These messages, by their ids.
        #[arg(long = "id", value_name = "ID", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        arguments: DlqArguments,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// List what was done to messages by hand, the newest first: when, by whom and why.
    History {
        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DlqArguments {
    /// The queue of dead letters (of the template: its output UndeliveredQueue); of a local stack its own.
    #[arg(long, value_name = "URL", env = "LONGSHORE_UNDELIVERED_QUEUE")]
    pub queue: Option<String>,
    /// At most this many messages.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}
