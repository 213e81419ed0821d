//! Bytes on disk, in files named by id, so that no key ever becomes a path.
//!
//! A blob is written once, made durable, and only then named by the index. Until the index names it, its
//! [`NewBlob`] removes it again when dropped; what a crash leaves behind is swept when the stack starts.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::s3::record::Segment;

/// How many bytes move between memory and disk at a time.
const CHUNK_BYTES: usize = 512 * 1024;

/// The name of a blob's file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BlobId(String);

impl BlobId {
    fn new() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// The id that a record or a file name spells.
    pub(super) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The id as a key of the index.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The folder of blobs, and who is reading which.
pub(super) struct Blobs {
    folder: PathBuf,
    readers: Mutex<Readers>,
}

/// Reads under way. A blob that loses its last record while it is read is removed by its last reader.
#[derive(Default)]
struct Readers {
    counts: HashMap<BlobId, usize>,
    doomed: HashMap<BlobId, ()>,
}

impl Blobs {
    /// Opens the folder, creating it when it is not there.
    pub(super) fn open(folder: PathBuf) -> io::Result<Arc<Self>> {
        fs::create_dir_all(&folder)?;
        Ok(Arc::new(Self {
            folder,
            readers: Mutex::default(),
        }))
    }

    /// Removes every file that `is_known` does not know: what a crash left between the blob and its record.
    pub(super) fn sweep(&self, mut is_known: impl FnMut(&BlobId) -> io::Result<bool>) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let id = BlobId::named(&entry.file_name().to_string_lossy());
            if !is_known(&id)? {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Begins a blob.
    pub(super) fn create(self: &Arc<Self>, checksums: ChecksumHasher) -> io::Result<BlobWriter> {
        let id = BlobId::new();
        let file = File::create_new(self.path(&id))?;
        let blob = NewBlob {
            blobs: Arc::clone(self),
            id,
            kept: false,
        };
        let sink = Sink {
            file,
            md5: Md5::new(),
            checksums,
            size: 0,
        };
        Ok(BlobWriter {
            blob,
            sink: Some(sink),
            pending: BytesMut::new(),
        })
    }

    /// Finds segments and takes hold of their blobs in one step, so that no removal comes between.
    pub(super) fn lease<T, E>(
        self: &Arc<Self>,
        find: impl FnOnce() -> Result<(T, Vec<Segment>), E>,
    ) -> Result<(T, Lease), E> {
        let mut readers = self.readers();
        let (found, segments) = find()?;
        for segment in &segments {
            *readers.counts.entry(segment.blob.clone()).or_default() += 1;
        }
        Ok((
            found,
            Lease {
                blobs: Arc::clone(self),
                segments,
            },
        ))
    }

    /// Removes blobs that no record names any more, now or when their last reader is done.
    pub(super) fn remove(&self, freed: &[BlobId]) {
        let mut readers = self.readers();
        for id in freed {
            if readers.counts.contains_key(id) {
                readers.doomed.insert(id.clone(), ());
            } else {
                self.remove_file(id);
            }
        }
    }

    fn release(&self, segments: &[Segment]) {
        let mut readers = self.readers();
        for Segment { blob, .. } in segments {
            let Some(count) = readers.counts.get_mut(blob) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                readers.counts.remove(blob);
                if readers.doomed.remove(blob).is_some() {
                    self.remove_file(blob);
                }
            }
        }
    }

    /// A file that cannot be removed costs disk space until the next start sweeps it: nothing else depends on it.
    fn remove_file(&self, id: &BlobId) {
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(blob.id = id.as_str(), %error, "left an unused blob behind");
        }
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob that no record names yet; dropping it removes its file.
pub(super) struct NewBlob {
    blobs: Arc<Blobs>,
    id: BlobId,
    kept: bool,
}

impl NewBlob {
    /// The blob's name.
    pub(super) fn id(&self) -> &BlobId {
        &self.id
    }

    /// Says that a record names the blob now.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if !self.kept {
            self.blobs.remove_file(&self.id);
        }
    }
}

/// A blob being written: bytes are gathered, then hashed and written in large pieces off the async threads.
pub(super) struct BlobWriter {
    blob: NewBlob,
    sink: Option<Sink>,
    pending: BytesMut,
}

struct Sink {
    file: File,
    md5: Md5,
    checksums: ChecksumHasher,
    size: u64,
}

/// What a finished blob holds.
pub(super) struct Written {
    pub(super) blob: NewBlob,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksums: s3s::dto::Checksum,
}

impl BlobWriter {
    /// Appends bytes.
    pub(super) async fn append(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.pending.is_empty() && bytes.len() >= CHUNK_BYTES {
            return self.write(bytes).await;
        }
        self.pending.extend_from_slice(&bytes);
        if self.pending.len() >= CHUNK_BYTES {
            let pending = self.pending.split().freeze();
            self.write(pending).await?;
        }
        Ok(())
    }

    /// Writes the rest and waits until the disk has it.
    pub(super) async fn finish(mut self) -> io::Result<Written> {
        let pending = self.pending.split().freeze();
        self.write(pending).await?;
        let sink = self.sink.take().ok_or_else(interrupted)?;
        let sink = run_blocking(move || sink.file.sync_all().map(|()| sink)).await?;
        Ok(Written {
            blob: self.blob,
            size: sink.size,
            md5: sink.md5.finalize().into(),
            checksums: sink.checksums.finalize(),
        })
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let mut sink = self.sink.take().ok_or_else(interrupted)?;
        self.sink = Some(run_blocking(move || sink.write(&bytes).map(|()| sink)).await?);
        Ok(())
    }
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.md5.update(bytes);
        self.checksums.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Segments whose blobs stay until this is dropped.
pub(super) struct Lease {
    blobs: Arc<Blobs>,
    segments: Vec<Segment>,
}

impl Lease {
    /// The bytes of the segments one after the other, read in large pieces, never more than one in memory.
    pub(super) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        let cursor = Cursor {
            lease: self,
            segment: 0,
            open: None,
        };
        stream::unfold(Some(cursor), |cursor| async move {
            let cursor = cursor?;
            match run_blocking(move || cursor.next()).await {
                Ok(Some((bytes, cursor))) => Some((Ok(bytes), Some(cursor))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .fuse()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.blobs.release(&self.segments);
    }
}

/// Where a read stands: the segment, and its open file with the bytes still to come.
struct Cursor {
    lease: Lease,
    segment: usize,
    open: Option<(File, u64)>,
}

impl Cursor {
    fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while let Some(segment) = self.lease.segments.get(self.segment) {
            let (file, left) = match self.open.take() {
                Some(open) => open,
                None => (
                    open_at(&self.lease.blobs.path(&segment.blob), segment.offset)?,
                    segment.length,
                ),
            };
            if left == 0 {
                self.segment += 1;
                continue;
            }
            let bytes = read_up_to(&file, left.min(CHUNK_BYTES as u64))?;
            self.open = Some((file, left - bytes.len() as u64));
            return Ok(Some((bytes, self)));
        }
        Ok(None)
    }
}

fn open_at(path: &Path, offset: u64) -> io::Result<File> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file)
}

/// Reads exactly `length` bytes; a blob that is shorter than its record says is an error, never a short answer.
fn read_up_to(file: &File, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).unwrap_or(CHUNK_BYTES);
    let mut buffer = Vec::with_capacity(length);
    file.take(length as u64).read_to_end(&mut buffer)?;
    if buffer.len() < length {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "a blob is shorter than its record says",
        ));
    }
    Ok(Bytes::from(buffer))
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn interrupted() -> io::Error {
    io::Error::other("an earlier write of this blob failed")
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    async fn stored(blobs: &Arc<Blobs>, bytes: &'static [u8]) -> Segment {
        let mut writer = blobs.create(ChecksumHasher::default()).unwrap();
        writer.append(Bytes::from_static(bytes)).await.unwrap();
        let written = writer.finish().await.unwrap();
        let segment = Segment {
            blob: written.blob.id().clone(),
            offset: 0,
            length: written.size,
        };
        written.blob.keep();
        segment
    }

    fn lease(blobs: &Arc<Blobs>, segment: &Segment) -> Lease {
        blobs
            .lease(|| Ok::<_, io::Error>(((), vec![segment.clone()])))
            .unwrap()
            .1
    }

    #[tokio::test]
    async fn a_blob_that_is_removed_while_it_is_read_is_read_to_its_end_and_then_gone() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().to_owned()).unwrap();
        let segment = stored(&blobs, b"hello").await;
        let lease = lease(&blobs, &segment);
        blobs.remove(std::slice::from_ref(&segment.blob));
        let read: Vec<Bytes> = lease.into_stream().try_collect().await.unwrap();
        assert_eq!(read.concat(), b"hello");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_blob_without_a_record_is_removed_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().to_owned()).unwrap();
        let written = blobs
            .create(ChecksumHasher::default())
            .unwrap()
            .finish()
            .await
            .unwrap();
        drop(written);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_shortened_blob_is_an_error_and_not_a_short_answer() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().to_owned()).unwrap();
        let segment = stored(&blobs, b"hello").await;
        fs::write(folder.path().join(segment.blob.as_str()), b"hel").unwrap();
        let read: io::Result<Vec<Bytes>> = lease(&blobs, &segment).into_stream().try_collect().await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
