//! A tree of processes, found by their parents, never by name: other stacks may run beside. Linux says in `/proc` what
//! runs, other systems say it through `ps`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::POLL;

/// A process and its descendants at some moment.
#[derive(Debug, Clone, Default)]
pub struct ProcessTree {
    processes: BTreeSet<Process>,
}

/// A process; the time of its start tells it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    id: i32,
    started: String,
    command: String,
}

/// What is read of `/proc/<id>/stat`.
struct Stat {
    parent: i32,
    started: String,
    is_running: bool,
}

impl ProcessTree {
    /// `root` and everything below it.
    pub(super) fn below(root: i32) -> anyhow::Result<Self> {
        let all = everything()?;
        let mut known = BTreeSet::from([root]);
        loop {
            let before = known.len();
            let children = all.iter().filter(|(_, parent)| known.contains(parent));
            let children: Vec<i32> = children.map(|(process, _)| process.id).collect();
            known.extend(children);
            if known.len() == before {
                break;
            }
        }
        let processes = all
            .into_iter()
            .map(|(process, _)| process)
            .filter(|process| known.contains(&process.id))
            .collect();
        Ok(Self { processes })
    }

    /// Halts `root` and everything below it, until no new process appears.
    pub(super) fn halt(root: u32) -> anyhow::Result<Self> {
        let root = i32::try_from(root).context("read a process id")?;
        let mut halted = Self::default();
        loop {
            let found = Self::below(root)?;
            if found.processes.is_subset(&halted.processes) {
                return Ok(halted);
            }
            found.signal(Signal::SIGSTOP);
            halted.processes.extend(found.processes);
        }
    }

    /// Kills them all.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        for process in &self.processes {
            // One that has ended by itself needs no signal.
            kill(Pid::from_raw(process.id), signal).ok();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Those that still run, as command lines.
    ///
    /// # Errors
    /// When the machine does not say what runs.
    pub fn survivors(&self) -> anyhow::Result<Vec<String>> {
        let running = everything()?;
        let survivors = running
            .into_iter()
            .map(|(process, _)| process)
            .filter(|process| {
                self.processes
                    .iter()
                    .any(|known| known.id == process.id && known.started == process.started)
            })
            .map(|process| format!("{} {}", process.id, process.command))
            .collect();
        Ok(survivors)
    }

    pub(super) fn wait_until_gone(&self, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let survivors = self.survivors()?;
            if survivors.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("processes survived SIGKILL: {}", survivors.join("; "));
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Every running process on this machine with its parent. One that ends while it is looked at is left out, and so are
/// zombies: they wait for their parent, but run no more.
fn everything() -> anyhow::Result<Vec<(Process, i32)>> {
    if !Path::new("/proc/self/stat").exists() {
        return told_by_ps();
    }
    let entries = fs::read_dir("/proc").context("read /proc")?;
    let ids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    Ok(ids.filter_map(look_at).collect())
}

fn look_at(id: i32) -> Option<(Process, i32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let stat = parse_stat(&text)?;
    let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let process = Process {
        id,
        started: stat.started,
        command: String::from_utf8_lossy(&command).replace('\0', " "),
    };
    stat.is_running.then_some((process, stat.parent))
}

/// The same where there is no `/proc`.
fn told_by_ps() -> anyhow::Result<Vec<(Process, i32)>> {
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,stat=,lstart=,command="])
        .env("LC_ALL", "C")
        .output()
        .context("run ps")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(parse_ps).collect())
}

/// `42 7 S Sat Nov 21 09:38:00 2026 the command`.
fn parse_ps(line: &str) -> Option<(Process, i32)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [id, parent, state, rest @ ..] = words.as_slice() else {
        return None;
    };
    let (started, command) = rest.split_at_checked(5)?;
    let process = Process {
        id: id.parse().ok()?,
        started: started.join(" "),
        command: command.join(" "),
    };
    (!state.starts_with('Z')).then_some((process, parent.parse().ok()?))
}

/// The program's name stands in brackets and may hold anything: what counts begins after the last one. Fields by the
/// numbers of proc_pid_stat(5): 3 state, 4 parent, 22 start.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        started: (*fields.get(19)?).to_owned(),
        is_running: !matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_program_with_brackets_in_its_name_is_read_right() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9876 1 1";
        let stat = parse_stat(text).unwrap();
        assert_eq!(
            (stat.parent, stat.started.as_str(), stat.is_running),
            (7, "9876", true)
        );
    }

    #[test]
    fn what_ps_says_is_read_right() {
        let (process, parent) = parse_ps("  42    7 S+   Sat Nov 21 09:38:00 2026 a b c").unwrap();
        assert_eq!((process.id, parent), (42, 7));
        assert_eq!(process.started, "Sat Nov 21 09:38:00 2026");
        assert_eq!(process.command, "a b c");
        assert!(parse_ps("42 7 Z Sat Nov 21 09:38:00 2026 <defunct>").is_none());
    }

    #[test]
    fn a_tree_holds_grandchildren_and_all_of_it_is_killed_at_once() {
        let script = "sh -c 'sleep 1000; true' & sleep 1000; true";
        let mut root = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let id = i32::try_from(root.id()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while ProcessTree::below(id).unwrap().len() < 4 && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        let tree = ProcessTree::halt(root.id()).unwrap();
        assert_eq!(tree.len(), 4, "{tree:?}");
        tree.kill();
        root.wait().unwrap();
        tree.wait_until_gone(Duration::from_secs(10)).unwrap();
    }
}
