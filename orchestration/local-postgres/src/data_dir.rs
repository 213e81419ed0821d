//! The data folder: whose it is, who may use it, and what an earlier server left in it.

use std::fs::{self, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};

use crate::lock_file::LockFile;
use crate::{Binaries, PostgresError};

const OLD_SERVER_PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// A data folder that is ours alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    server_user: Option<User>,
    /// Locked; the kernel lets go of it when we end, however we end.
    _lock: LockFile,
}

impl DataDir {
    /// Takes the folder for us alone, and stops a server that a killed predecessor left on it.
    pub(crate) fn claim(path: &Path) -> Result<Self, PostgresError> {
        let server_user = server_user()?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(PostgresError::io("create folder", parent))?;
        let parent = parent
            .canonicalize()
            .map_err(PostgresError::io("resolve folder", parent))?;
        let path = parent.join(path.file_name().unwrap_or_default());
        let lock = lock_beside(&path)?;
        if let Some(user) = &server_user {
            check_reachable(&parent, user)?;
        }
        let data_dir = Self {
            path,
            server_user,
            _lock: lock,
        };
        data_dir.stop_old_server()?;
        Ok(data_dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn server_user(&self) -> Option<&User> {
        self.server_user.as_ref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Creates the folder as initdb wants it: empty, private, owned by the server's user.
    pub(crate) fn create(&self) -> Result<(), PostgresError> {
        fs::create_dir_all(&self.path).map_err(PostgresError::io("create folder", &self.path))?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))
            .map_err(PostgresError::io("protect folder", &self.path))?;
        give_to(&self.path, self.server_user())
    }

    /// Binaries that can serve what is in the folder: the newest for a new one, its own version for an old one.
    pub(crate) fn binaries(&self) -> Result<Binaries, PostgresError> {
        let newest = Binaries::find()?;
        let Some(written_by) = self.written_by() else {
            return Ok(newest);
        };
        if written_by == newest.major_version {
            return Ok(newest);
        }
        Binaries::find_version(written_by).ok_or_else(|| PostgresError::DataFolderOfOtherVersion {
            data_dir: self.path.clone(),
            written_by,
        })
    }

    fn written_by(&self) -> Option<u32> {
        fs::read_to_string(self.path.join("PG_VERSION"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// We hold the lock, so nobody of us owns a server that still runs here.
    fn stop_old_server(&self) -> Result<(), PostgresError> {
        let Some(old) = PostmasterFile::read(&self.path) else {
            return Ok(());
        };
        let deadline = Instant::now() + OLD_SERVER_PATIENCE;
        let mut signal = Signal::SIGINT;
        while serves(old.process_id, &self.path) {
            match kill(Pid::from_raw(old.process_id), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(source) => {
                    return Err(PostgresError::io("signal the old server of", &self.path)(
                        source.into(),
                    ));
                }
            }
            if !wait_until_gone(old.process_id, &self.path, OLD_SERVER_PATIENCE / 2) {
                signal = Signal::SIGQUIT;
            }
            if Instant::now() > deadline {
                return Err(PostgresError::OldServerStays {
                    data_dir: self.path.clone(),
                    process_id: old.process_id,
                });
            }
        }
        end_orphans(&self.path);
        wait_until_reaped(old.process_id);
        old.remove_socket_folder();
        Ok(())
    }
}

/// What a server writes about itself into its data folder.
pub(crate) struct PostmasterFile {
    pub(crate) process_id: i32,
    socket_folder: Option<PathBuf>,
    is_ready: bool,
}

impl PostmasterFile {
    /// None when there is no such file, or it is not written in full yet.
    fn read(data_dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Self {
            process_id: lines.first()?.parse().ok()?,
            socket_folder: lines.get(4).filter(|line| !line.is_empty()).map(PathBuf::from),
            is_ready: lines.get(7) == Some(&"ready"),
        })
    }

    /// None until a server that is alive says that it accepts connections; a killed one leaves its file behind.
    pub(crate) fn of_ready_server(data_dir: &Path) -> Option<Self> {
        Self::read(data_dir).filter(|file| file.is_ready && serves(file.process_id, data_dir))
    }

    /// The folder was made by a predecessor that could not tidy up; without it nobody ever would.
    fn remove_socket_folder(&self) {
        let Some(folder) = self.socket_folder.as_deref() else {
            return;
        };
        let ours = folder.parent() == Some(Path::new(SOCKET_PARENT))
            && folder
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(SOCKET_PREFIX.as_bytes()));
        if ours && let Err(error) = fs::remove_dir_all(folder) {
            tracing::debug!(folder = %folder.display(), %error, "left an old socket folder where it is");
        }
    }
}

/// `/tmp` itself, not `TMPDIR`: on macOS that one is too long for a socket.
pub(crate) const SOCKET_PARENT: &str = "/tmp";
/// How the names of our socket folders begin.
pub(crate) const SOCKET_PREFIX: &str = "ls-";

/// Hands a file to the user as whom the server runs, if that is another one.
pub(crate) fn give_to(path: &Path, user: Option<&User>) -> Result<(), PostgresError> {
    let Some(user) = user else {
        return Ok(());
    };
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .map_err(PostgresError::io("change the owner of", path))
}

/// Waits until the process no longer serves the folder; false when it still does after `patience`.
pub(crate) fn wait_until_gone(process_id: i32, data_dir: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while serves(process_id, data_dir) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// The user as whom the server must run, when it cannot be us.
fn server_user() -> Result<Option<User>, PostgresError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    match User::from_name("postgres") {
        Ok(Some(user)) => Ok(Some(user)),
        Ok(None) => Err(PostgresError::ServerUserMissing),
        Err(source) => Err(PostgresError::io("look up user postgres in", "/etc/passwd")(
            source.into(),
        )),
    }
}

fn lock_beside(data_dir: &Path) -> Result<LockFile, PostgresError> {
    let mut name = data_dir.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    LockFile::take(&path).map_err(|error| match error {
        TryLockError::WouldBlock => PostgresError::DataFolderInUse {
            data_dir: data_dir.to_path_buf(),
        },
        TryLockError::Error(source) => PostgresError::io("lock", &path)(source),
    })
}

fn check_reachable(parent: &Path, user: &User) -> Result<(), PostgresError> {
    for folder in parent.ancestors() {
        let metadata = fs::metadata(folder).map_err(PostgresError::io("look at folder", folder))?;
        let owned = std::os::unix::fs::MetadataExt::uid(&metadata) == user.uid.as_raw();
        if !owned && metadata.permissions().mode() & 0o001 == 0 {
            return Err(PostgresError::DataFolderUnreachable {
                folder: folder.to_path_buf(),
                user: user.name.clone(),
            });
        }
    }
    Ok(())
}

/// Process ids are reused, so the process must also carry the folder on its command line.
fn serves(process_id: i32, data_dir: &Path) -> bool {
    let Some(data_dir) = data_dir.to_str() else {
        return false;
    };
    command_line(process_id).is_ok_and(|line| line.contains("postgres") && line.contains(data_dir))
}

/// Ends the server processes that outlived their postmaster: one in the midst of a long query does not notice for as long as
/// that runs, and until it is gone a new server finds the old one's memory in use and refuses to start. Their work is lost
/// already; recovery does the rest. Systems without `/proc` wait for them to notice by themselves.
fn end_orphans(data_dir: &Path) {
    let deadline = Instant::now() + OLD_SERVER_PATIENCE;
    loop {
        let orphans = processes_in(data_dir);
        if orphans.is_empty() || Instant::now() > deadline {
            return;
        }
        for orphan in orphans {
            // It may have ended by itself in the meantime.
            kill(Pid::from_raw(orphan), Signal::SIGKILL).ok();
        }
        std::thread::sleep(POLL);
    }
}

/// Server processes work in the data folder, and nobody else does.
fn processes_in(data_dir: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let process_id = entry.file_name().to_str()?.parse().ok()?;
            let folder = fs::read_link(entry.path().join("cwd")).ok()?;
            (folder == data_dir && serves_anything(process_id)).then_some(process_id)
        })
        .collect()
}

fn serves_anything(process_id: i32) -> bool {
    command_line(process_id).is_ok_and(|line| line.contains("postgres"))
}

/// A killed postmaster keeps its number until its new parent has taken note of its end. As long as it does, PostgreSQL takes
/// its `postmaster.pid` for that of a server that runs.
fn wait_until_reaped(process_id: i32) {
    let deadline = Instant::now() + OLD_SERVER_PATIENCE;
    let is_dead = || command_line(process_id).is_ok_and(|line| line.is_empty());
    while is_dead() && kill(Pid::from_raw(process_id), None).is_ok() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
}

fn command_line(process_id: i32) -> io::Result<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = fs::read(format!("/proc/{process_id}/cmdline"))?;
        return Ok(String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    let output = Command::new("ps")
        .args(["-o", "args=", "-p", &process_id.to_string()])
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
