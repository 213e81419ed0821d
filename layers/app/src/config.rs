//! What a deployment says about itself, as the use cases need it.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use longshore_domain::object::WatchedPrefix;
use longshore_domain::target::Warehouse;

/// How an invocation ends over a file that was refused or failed, once that is on record and people were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportedFailures {
    /// It succeeds: the ledger and the message say what there is to say.
    #[default]
    Succeed,
    /// It fails too, for whoever watches invocations or the queue of those that failed.
    Fail,
}

/// The settings that decide what the use cases do. `longshore-runtime` reads them from the environment.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// The folder of finished files.
    pub archive_folder: String,
    /// The folder of prepared copies and manifests.
    pub processing_folder: String,
    /// Smaller files are refused.
    pub threshold_file_size_bytes: u64,
    /// The deployment's own line in failure mails.
    pub custom_error_message: String,
    /// The time zone of the audit.
    pub timezone: Tz,
    /// Where messages go.
    pub topic_arn: String,
    /// How an invocation ends over a failure that was told.
    pub reported_failures: ReportedFailures,
    /// What statement names begin with; the event rule filters on it.
    pub statement_prefix: String,
    /// Where files land: what lies there and no event announced is found by listing.
    pub watched: Vec<WatchedPrefix>,
    /// The warehouse of rules that name none.
    pub warehouse: Warehouse,
}

impl AppConfig {
    /// A moment as the deployment's clocks show it.
    pub fn local_time(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        moment.with_timezone(&self.timezone).naive_local()
    }
}
