//! A file that says that a folder is in use.

use std::fs::{File, TryLockError};
use std::path::Path;

/// A lock file that is this process's. The kernel gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct LockFile(File);

impl LockFile {
    /// Takes the lock, and makes the file where there is none.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] while another has it, or what the file system says.
    pub(crate) fn take(path: &Path) -> Result<Self, TryLockError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for LockFile {
    /// By word: a child that another thread is starting just now has the file open too until it runs its own program, and to
    /// close ours alone would leave it locked for as long.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a lock file was not unlocked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_it_and_a_child_that_is_being_started_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = LockFile::take(&path).unwrap();
        assert!(matches!(LockFile::take(&path), Err(TryLockError::WouldBlock)));
        let of_a_child = lock.0.try_clone().unwrap();
        drop(lock);
        LockFile::take(&path).unwrap();
        drop(of_a_child);
    }
}
