//! What a function prints, in a file of its own that does not grow for ever.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// A log that reaches this size is set aside as `<name>.log.1`, replacing the one before.
const ROTATE_AT_BYTES: u64 = 10 * 1024 * 1024;

/// The log of one function, shared by its processes.
pub(super) struct FunctionLog {
    path: PathBuf,
    open: Mutex<(File, u64)>,
}

impl FunctionLog {
    /// Opens `<folder>/<function>.log` for appending.
    pub(super) fn open(folder: &Path, function: &str) -> io::Result<Arc<Self>> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{function}.log"));
        let open = open_for_append(&path)?;
        Ok(Arc::new(Self {
            path,
            open: Mutex::new(open),
        }))
    }

    /// Appends everything that comes out of a process until it closes the stream.
    pub(super) async fn follow(self: Arc<Self>, mut output: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = output.read(&mut buffer).await {
            let bytes = buffer.get(..length).unwrap_or_default();
            if let Err(error) = self.append(bytes) {
                tracing::warn!(path = %self.path.display(), %error, "could not write a function's log");
            }
        }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.1 >= ROTATE_AT_BYTES {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *open = open_for_append(&self.path)?;
        }
        open.1 += bytes.len() as u64;
        open.0.write_all(bytes)
    }
}

fn open_for_append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_has_grown_large_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let log = FunctionLog::open(folder.path(), "f").unwrap();
        log.append(&vec![b'x'; usize::try_from(ROTATE_AT_BYTES).unwrap()])
            .unwrap();
        log.append(b"next\n").unwrap();
        assert_eq!(fs::read(folder.path().join("f.log")).unwrap(), b"next\n");
        assert_eq!(
            fs::metadata(folder.path().join("f.log.1")).unwrap().len(),
            ROTATE_AT_BYTES
        );
    }
}
