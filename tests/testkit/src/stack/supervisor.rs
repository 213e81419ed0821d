//! The `sh` that sees that a program never outlives this process.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::POLL;

/// Runs `"$@"` and ends it with SIGTERM once our end of the pipe on standard input closes, which the kernel sees to
/// however we end. The watcher is a process of its own, so that it does its work even if this shell is killed.
/// `$1` is a folder to remove at the end: statics are not dropped, so nobody else would.
const SUPERVISOR: &str = r#"
folder=$1; shift
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
{ read -r _ <&3; kill -TERM "$program"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
rm -rf -- "$folder"
exit "$status"
"#;

/// A program under supervision.
#[derive(Debug)]
pub(super) struct Supervised {
    shell: Child,
}

impl Supervised {
    /// Starts a program whose output goes to a file. `folder` is removed once it has ended.
    pub(super) fn spawn(command: &Command, output: &Path, folder: &Path) -> anyhow::Result<Self> {
        let log = File::create(output).with_context(|| format!("create {}", output.display()))?;
        let second = log.try_clone().context("share the program's output")?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "longshore-supervisor"])
            .arg(folder)
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(second)
            .spawn()
            .context("start /bin/sh")?;
        Ok(Self { shell })
    }

    /// The shell's process id, above all others.
    pub(super) fn process_id(&self) -> u32 {
        self.shell.id()
    }

    /// Asks the program to end.
    pub(super) fn terminate(&mut self) {
        drop(self.shell.stdin.take());
    }

    /// Whether the program has ended.
    pub(super) fn has_ended(&mut self) -> anyhow::Result<bool> {
        let ended = self.shell.try_wait().context("watch the local stack")?;
        Ok(ended.is_some())
    }

    /// Waits for the end.
    pub(super) fn wait(&mut self, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        while !self.has_ended()? {
            if Instant::now() > deadline {
                bail!("the local stack did not end within {} s", patience.as_secs());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}
