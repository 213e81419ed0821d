//! What the kernel says this process and its ended children used.

use crate::Failure;

/// Ticks of the clock that Linux counts CPU time in, on every platform it is built for today.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of this process, and of its children that have ended.
pub(crate) fn cpu_seconds() -> Result<(f64, f64), Failure> {
    cpu_seconds_of("self")
}

/// CPU seconds of PostgreSQL's backends that have ended, and of those that have not.
pub(crate) fn backend_seconds(postmaster: i32) -> Result<f64, Failure> {
    let (_, mut seconds) = cpu_seconds_of(&postmaster.to_string())?;
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
    for child in children.split_whitespace() {
        // One that is gone by now counts among the ended, the next time.
        seconds += cpu_seconds_of(child).map_or(0.0, |(own, _)| own);
    }
    Ok(seconds)
}

fn cpu_seconds_of(process: &str) -> Result<(f64, f64), Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold blanks; what follows it does not.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| -> Result<f64, Failure> {
        Ok(fields.get(index).ok_or("a short /proc/…/stat")?.parse()?)
    };
    let own = ticks(11)? + ticks(12)?;
    let children = ticks(13)? + ticks(14)?;
    Ok((own / TICKS_PER_SECOND, children / TICKS_PER_SECOND))
}

/// Forgets the most memory so far: what was needed to write the rows is not the loader's. Where it cannot be forgotten, it counts.
pub(crate) fn forget_peak() {
    let _is_forgotten = std::fs::write("/proc/self/clear_refs", "5").is_ok();
}

/// The most memory this process had; 0 where nobody knows.
pub(crate) fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}
