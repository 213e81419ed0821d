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
            peak_memory_bytes: peak_memory_bytes(usage.as_ref()),
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

/// The most that this process had. Linux's `getrusage` counts in what the process was before it became this program, its shell or
/// whatever started it; `/proc` does not.
fn peak_memory_bytes(usage: Option<&Usage>) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let kibibytes = status.as_deref().and_then(high_water_kibibytes);
    match kibibytes {
        Some(kibibytes) => kibibytes * 1024,
        None => usage.map_or(0, |usage| in_bytes(usage.max_rss())),
    }
}

/// `VmHWM:     9984 kB`
fn high_water_kibibytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Linux counts in KiB, macOS in bytes.
fn in_bytes(max_rss: i64) -> u64 {
    let most = u64::try_from(max_rss).unwrap_or_default();
    match cfg!(target_os = "macos") {
        true => most,
        false => most * 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_from_what_the_kernel_says() {
        let status = "Name:\tlongshore\nVmPeak:\t   12000 kB\nVmHWM:\t    9984 kB\nVmRSS:\t    9000 kB\n";
        assert_eq!(high_water_kibibytes(status), Some(9984));
        assert_eq!(high_water_kibibytes("Name:\tlongshore\n"), None);
    }
}
