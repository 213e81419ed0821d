//! A file on this machine, read as an object is.

use std::fs::File;
use std::io::{self, Read as _};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::iter;
use longshore_app::LocalFile;
use longshore_app::ports::{ObjectBody, ObjectStoreError};

use crate::exit::input;

/// What is read at once.
const BLOCK_BYTES: usize = 128 * 1024;

/// A file by its path.
pub(crate) struct FileOnDisk {
    path: String,
}

impl FileOnDisk {
    /// Refuses what cannot be opened, or only once: it may be read twice.
    pub(crate) fn of(path: &str) -> anyhow::Result<Self> {
        let about =
            std::fs::metadata(path).map_err(|error| input(format!("{path} cannot be read: {error}")))?;
        if !about.is_file() {
            return Err(input(format!(
                "{path} is no file that can be read twice; write it to a disk first"
            )));
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    fn unreadable(&self, source: io::Error) -> ObjectStoreError {
        unreadable(&self.path, source)
    }
}

impl LocalFile for FileOnDisk {
    fn open(&self) -> Result<ObjectBody, ObjectStoreError> {
        let mut file = File::open(&self.path).map_err(|error| self.unreadable(error))?;
        let size_bytes = file.metadata().map_err(|error| self.unreadable(error))?.len();
        let path = self.path.clone();
        let blocks = std::iter::from_fn(move || {
            let mut block = vec![0; BLOCK_BYTES];
            match file.read(&mut block) {
                Ok(0) => None,
                Ok(length) => {
                    block.truncate(length);
                    Some(Ok(Bytes::from(block)))
                }
                Err(error) => Some(Err(unreadable(&path, error))),
            }
        });
        Ok(ObjectBody {
            size_bytes,
            chunks: iter(blocks).boxed(),
        })
    }
}

fn unreadable(path: &str, source: io::Error) -> ObjectStoreError {
    ObjectStoreError::Unavailable {
        url: path.to_owned(),
        operation: "reading it",
        source: source.into(),
    }
}
