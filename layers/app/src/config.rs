//! What a deployment says about itself, as the use cases need it.

use std::num::NonZeroU64;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::preparation::{CHUNKS_IN_FLIGHT, MOST_CHUNK_BYTES};
use longshore_domain::target::Warehouse;
use longshore_domain::time_zone::TimeZone;

/// How an invocation ends over a file that was refused or failed, once that is on record and people were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportedFailures {
    /// It succeeds: the ledger and the message say what there is to say.
    #[default]
    Succeed,
    /// It fails too, for whoever watches invocations or the queue of those that failed.
    Fail,
}

/// How files are read and cut by ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeLimits {
    /// Only longer files: S3 copies ranges of objects of more than 5 MiB, and for shorter ones it would not pay.
    pub least_source_bytes: u64,
    /// What is read at first around the place where a file is to be cut.
    pub window_bytes: u64,
    /// A chunk of a file that is read whole, scanned as it comes. Only the part before its first record end is kept.
    pub chunk_bytes: u64,
    /// Chunks that are read at once.
    pub chunks_in_flight: usize,
}

impl RangeLimits {
    /// Those of a process with so much memory: an eighth of it holds what is read at once, should no record end in it.
    pub fn of_memory(memory_bytes: u64) -> Self {
        let chunk_bytes = (memory_bytes / 8 / CHUNKS_IN_FLIGHT).clamp(1024 * 1024, MOST_CHUNK_BYTES);
        Self {
            least_source_bytes: 5 * 1024 * 1024,
            window_bytes: 32 * 1024,
            chunk_bytes,
            chunks_in_flight: CHUNKS_IN_FLIGHT as usize,
        }
    }
}

impl Default for RangeLimits {
    /// Those of half a GiB and more.
    fn default() -> Self {
        Self::of_memory(512 * 1024 * 1024)
    }
}

/// How much may come of a compressed file. Without a limit a few megabytes could be made to unpack to terabytes: a function would
/// be at it until its time is over, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimit {
    /// So much may come of any file.
    pub any_file_bytes: u64,
}

impl UnpackLimit {
    /// So many times its own length may come of any file: what people keep seldom shrinks to a twentieth.
    pub const TIMES: u64 = 100;

    /// The most that may come of a file of this length.
    pub fn most_bytes_of(self, file_bytes: u64) -> u64 {
        self.any_file_bytes.max(file_bytes.saturating_mul(Self::TIMES))
    }
}

impl Default for UnpackLimit {
    /// 8 GiB, which a function unpacks within a minute or two.
    fn default() -> Self {
        Self {
            any_file_bytes: 8 * 1024 * 1024 * 1024,
        }
    }
}

/// How long the lease of a load that is prepared lasts, and how often it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePace {
    /// After so long without being renewed it is over: whoever held it is dead.
    pub lasts: TimeDelta,
    /// Well within that time, so that the control database may be away for a moment.
    pub renewed_every: Duration,
    /// So long before it is over, its holder stops what it does: clocks differ, and what is on its way takes a moment to arrive.
    pub margin: TimeDelta,
}

impl Default for LeasePace {
    fn default() -> Self {
        Self {
            lasts: TimeDelta::minutes(3),
            renewed_every: Duration::from_secs(40),
            margin: TimeDelta::seconds(30),
        }
    }
}

/// Load transactions of one table run one after the other, and each that waits for its turn is one of the 500 statements that
/// the Data API has at a time for all tables: these keep the table busy while the next are on their way.
pub const PLACES_PER_TABLE: u32 = 8;

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
    pub timezone: TimeZone,
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
    /// How files are read and cut by ranges.
    pub ranges: RangeLimits,
    /// From so much text on, the copy of a file that Redshift would read by one slice is several objects.
    pub part_text_bytes: NonZeroU64,
    /// How much may come of a compressed file.
    pub unpacking: UnpackLimit,
    /// How long the lease of a load that is prepared lasts.
    pub leases: LeasePace,
    /// How many load transactions of one table may be with its warehouse at a time.
    pub places_per_table: u32,
}

impl AppConfig {
    /// A moment as the deployment's clocks show it.
    pub fn local_time(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        moment.with_timezone(&self.timezone).naive_local()
    }
}
