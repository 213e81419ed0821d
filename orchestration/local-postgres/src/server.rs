//! The server process and the `sh` that sees that it never outlives us.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::data_dir::{DataDir, PostmasterFile, wait_until_gone};
use crate::{Binaries, PostgresError};

const START_PATIENCE: Duration = Duration::from_secs(60);
const FAST_STOP_PATIENCE: Duration = Duration::from_secs(60);
const LAST_PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// Runs `"$@"` and stops it (SIGINT: fast shutdown) once our end of the pipe on standard input closes.
///
/// The watcher is a process of its own, so that it does its work even if this shell is killed. It repeats the signal because a server
/// that has only just begun ignores it. The group is ours alone, so `kill 0` ends the watcher and nothing else. `$1` and `$2` are folders to remove
/// at the end: the socket's, and a throw-away server's data (else empty).
const SUPERVISOR: &str = r#"
socket_folder=$1 throw_away_folder=$2; shift 2
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ read -r _ <&3; while kill -INT "$server"; do sleep 1; done; } 2>/dev/null &
wait "$server"
status=$?
trap : TERM
kill -TERM 0
rm -rf -- "$socket_folder" ${throw_away_folder:+"$throw_away_folder"} 2>/dev/null
exit "$status"
"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    supervisor: Child,
    postmaster: i32,
}

/// What a server is started with.
pub(crate) struct Launch<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) data_dir: &'a DataDir,
    pub(crate) socket_folder: &'a Path,
    pub(crate) port: u16,
    pub(crate) settings: &'a [(String, String)],
    pub(crate) removes_data: bool,
}

impl Server {
    /// Starts the server and returns once it accepts connections.
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self, PostgresError> {
        let log = log_path(launch.data_dir.path());
        let supervisor = spawn(launch, &log)?;
        let mut server = Self {
            supervisor,
            postmaster: 0,
        };
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(file) = PostmasterFile::of_ready_server(launch.data_dir.path()) {
                server.postmaster = file.process_id;
                return Ok(server);
            }
            if server.has_ended()?.is_some() || Instant::now() > deadline {
                server.kill_group();
                let log = last_lines(&log);
                return Err(PostgresError::NotStarted {
                    data_dir: launch.data_dir.path().to_path_buf(),
                    log,
                });
            }
            std::thread::sleep(POLL);
        }
    }

    /// The postmaster's process id.
    pub(crate) fn process_id(&self) -> i32 {
        self.postmaster
    }

    /// Fast shutdown; then harder ones if that takes longer than a minute.
    pub(crate) fn stop(&mut self, data_dir: &Path) -> Result<(), PostgresError> {
        drop(self.supervisor.stdin.take());
        if self.wait_for_end(FAST_STOP_PATIENCE)? {
            return Ok(());
        }
        if kill(Pid::from_raw(self.postmaster), Signal::SIGQUIT).is_err()
            || !wait_until_gone(self.postmaster, data_dir, LAST_PATIENCE)
        {
            self.kill_group();
        }
        self.wait_for_end(LAST_PATIENCE)?;
        Ok(())
    }

    fn wait_for_end(&mut self, patience: Duration) -> Result<bool, PostgresError> {
        let deadline = Instant::now() + patience;
        while self.has_ended()?.is_none() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
        Ok(true)
    }

    fn has_ended(&mut self) -> Result<Option<ExitStatus>, PostgresError> {
        self.supervisor
            .try_wait()
            .map_err(PostgresError::io("wait for", "sh"))
    }

    /// The last resort: the folder recovers at the next start.
    fn kill_group(&mut self) {
        let group = i32::try_from(self.supervisor.id()).map(Pid::from_raw);
        if let Ok(group) = group
            && let Err(error) = killpg(group, Signal::SIGKILL)
        {
            tracing::debug!(%error, "the server's process group was gone already");
        }
        if let Err(error) = self.supervisor.wait() {
            tracing::warn!(%error, "could not wait for the server's supervisor");
        }
    }
}

fn spawn(launch: &Launch<'_>, log: &Path) -> Result<Child, PostgresError> {
    let data_dir = launch.data_dir.path();
    let log_file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(PostgresError::io("open server log", log))?;
    let second = log_file
        .try_clone()
        .map_err(PostgresError::io("open server log", log))?;
    let mut command = as_server_user(Command::new("/bin/sh"), launch.data_dir);
    command.args(["-c", SUPERVISOR, "sh"]).arg(launch.socket_folder);
    command.arg(if launch.removes_data {
        data_dir.as_os_str()
    } else {
        "".as_ref()
    });
    command
        .arg(launch.binaries.program("postgres"))
        .arg("-D")
        .arg(data_dir);
    command
        .arg("-k")
        .arg(launch.socket_folder)
        .args(["-p", &launch.port.to_string()]);
    for (name, value) in launch.settings {
        command.args(["-c", &format!("{name}={value}")]);
    }
    command
        .stdin(Stdio::piped())
        .stdout(log_file)
        .stderr(second)
        .process_group(0);
    command.spawn().map_err(PostgresError::io("start", "/bin/sh"))
}

/// A command with a clean environment, run as the server's user from a folder that it may enter.
pub(crate) fn as_server_user(mut command: Command, data_dir: &DataDir) -> Command {
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/");
    if let Some(user) = data_dir.server_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// The log lies beside the folder, because the folder belongs to the server's user and may be removed.
fn log_path(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.as_os_str().to_owned();
    name.push(".log");
    PathBuf::from(name)
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("; ")
}
