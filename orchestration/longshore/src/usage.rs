//! What a command took: of the processor, of the clock and of the memory.

use std::fmt;
use std::time::{Duration, Instant};

use longshore_runtime::wiring::Traffic;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;

/// Since when is measured.
pub(crate) struct Measure {
    began: Instant,
    cpu: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Took {
    /// User and system time.
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    /// The most that the process ever had, its start included.
    pub peak_memory_bytes: u64,
}

/// What `--stats` shows.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Stats {
    /// Sent to the object store.
    pub requests: u64,
    /// From a disk or the object store.
    pub bytes_read: u64,
    pub bytes_written: u64,
    #[serde(flatten)]
    pub took: Took,
}

impl Stats {
    pub(crate) fn of_traffic(traffic: &Traffic, took: Took) -> Self {
        Self {
            requests: traffic.requests(),
            bytes_read: traffic.bytes_down(),
            bytes_written: traffic.bytes_up(),
            took,
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Took {
            cpu_seconds,
            wall_seconds,
            peak_memory_bytes,
        } = self.took;
        write!(
            formatter,
            "{} requests; {} bytes read and {} written; {cpu_seconds:.3} s of CPU in {wall_seconds:.3} s; {:.1} MiB of memory at most",
            self.requests,
            self.bytes_read,
            self.bytes_written,
            peak_memory_bytes as f64 / (1024.0 * 1024.0),
        )
    }
}

impl Measure {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            cpu: cpu(usage().as_ref()),
        }
    }

    pub(crate) fn end(&self) -> Took {
        let usage = usage();
        Took {
            cpu_seconds: cpu(usage.as_ref()).saturating_sub(self.cpu).as_secs_f64(),
            wall_seconds: self.began.elapsed().as_secs_f64(),
            peak_memory_bytes: usage.map_or(0, |usage| memory_bytes(&usage)),
        }
    }
}

/// A kernel that does not say is no reason to fail: nothing depends on the figures.
fn usage() -> Option<Usage> {
    getrusage(UsageWho::RUSAGE_SELF).ok()
}

fn cpu(usage: Option<&Usage>) -> Duration {
    let seconds =
        |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default());
    usage.map_or(Duration::ZERO, |usage| {
        seconds(usage.user_time()) + seconds(usage.system_time())
    })
}

/// Linux counts in KiB, macOS in bytes.
fn memory_bytes(usage: &Usage) -> u64 {
    let most = u64::try_from(usage.max_rss()).unwrap_or_default();
    if cfg!(target_os = "macos") {
        most
    } else {
        most * 1024
    }
}
