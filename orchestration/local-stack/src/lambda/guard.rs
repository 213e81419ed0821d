//! The guard of a function's process: it ends the process when this program is gone, however it went.
//!
//! A process that outlives a killed stack would go on working against ports that someone else may have by then. The
//! guard is a shell that waits on a pipe whose other end only this program holds. The kernel closes it even on
//! `kill -9`, and the guard then kills the process group. (`PR_SET_PDEATHSIG` would need `unsafe`.)

use std::io;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// `-s KILL --` because the shell of Debian misreads `-KILL --`.
const SCRIPT: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// A guard on duty. It must be dismissed before the process that it guards is reaped, or it might kill a stranger
/// who got the same number.
pub(super) struct Guard {
    shell: Child,
}

impl Guard {
    /// Guards the process group of `leader`.
    pub(super) fn post(leader: u32) -> io::Result<Self> {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "longshore-guard", &leader.to_string()])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { shell })
    }

    /// Ends the duty without consequence.
    pub(super) async fn dismiss(mut self) {
        if let Err(error) = self.shell.kill().await {
            tracing::warn!(%error, "could not dismiss the guard of a function's process");
        }
    }
}
