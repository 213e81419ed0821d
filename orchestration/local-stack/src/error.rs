//! Why the stack could not start or take something in.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::faults::FaultPlanError;
use crate::index::IndexError;

/// Why [`LocalStack`](crate::LocalStack) could not do what its caller asked.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The data folder, or something that belongs in it, cannot be created or read.
    #[error("cannot use data folder {path}: give a folder that this user may write to")]
    DataFolder {
        /// The file or folder that was refused.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// Another stack has the same data folder open: two writers would destroy each other's index.
    #[error("data folder {path} is in use by another stack: stop that one or give another folder")]
    DataFolderInUse {
        /// The data folder.
        path: PathBuf,
    },
    /// The index file is damaged or of another format.
    #[error("cannot open the index {path}")]
    Index {
        /// The index file.
        path: PathBuf,
        /// What the index said.
        #[source]
        source: IndexError,
    },
    /// The port is taken, or the machine has no loopback interface.
    #[error("cannot listen on {address}: choose another port, or 0 for any free one")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Something that was to exist from the start could not be written down.
    #[error("cannot store {what}")]
    Store {
        /// What was to be stored: `bucket landing`, `secret redshift`.
        what: String,
        /// What the index said.
        #[source]
        source: IndexError,
    },
    /// A name, a pattern or a reference among the options makes no sense.
    #[error("option {option} is wrong: {reason}")]
    Option {
        /// The option, with its position: `event_rules[0].pattern`.
        option: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// The fault plan makes no sense.
    #[error("cannot follow the fault plan")]
    Faults(#[source] FaultPlanError),
    /// The warehouse could not be opened over its PostgreSQL clusters.
    #[error("cannot open the warehouse: {reason}")]
    Warehouse {
        /// What the warehouse said.
        reason: String,
    },
}
