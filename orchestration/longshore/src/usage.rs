//! What a command took: of the processor, of the clock and of the memory.

use std::time::{Duration, Instant};

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
