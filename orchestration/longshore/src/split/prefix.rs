//! The prefix that a file is split into: its objects come up when all of them are whole, or none stays.
//!
//! S3 takes no part of less than 5 MiB but the last, and there may be thousands of types. So the part that each of them fills
//! waits in a file without a name, in a place of its own there, and comes into memory when it is sent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{join_all, poll_immediate};
use longshore_app::ports::{ObjectStore as _, ObjectStoreError, UploadedObject};
use longshore_domain::object::{Object, ObjectKey, WatchedPrefix, s3_url};
use longshore_runtime::wiring::{PartsUpload, S3ObjectStore};

use super::file_name;
use crate::exit::input;

/// The place of a type in the file: more than a part ever has. Only what is written of it takes room on the disk.
const PLACE_BYTES: u64 = 1024 * 1024 * 1024;
/// Objects that are finished at once; the last part of each is in memory meanwhile.
const FINISHED_AT_ONCE: usize = 4;
/// The longest key that S3 takes.
const MOST_KEY_BYTES: usize = 1024;
/// The longest name of a type's file.
const MOST_NAME_BYTES: usize = 3 * longshore_preprocess::KeyPlace::WIDEST;

/// Objects by the values of records, none of which is there yet.
pub(crate) struct SplitPrefix {
    store: S3ObjectStore,
    place: WatchedPrefix,
    waiting: File,
    /// By the number of their value.
    objects: BTreeMap<usize, OneObject>,
    /// Those with a whole part that waits.
    full: Vec<usize>,
}

struct OneObject {
    key: ObjectKey,
    upload: PartsUpload,
    /// Bytes that wait.
    waiting_bytes: usize,
    end: End,
}

/// How the upload of an object ended.
enum End {
    /// It did not yet, or nothing appeared.
    Absent,
    /// The object is there.
    There(UploadedObject),
    /// Nobody could find out whether it is there.
    Unknown,
}

impl SplitPrefix {
    /// Refuses a prefix under which something is.
    pub(crate) async fn begin(store: S3ObjectStore, to: &WatchedPrefix) -> anyhow::Result<Self> {
        let mut place = to.clone();
        if !place.prefix.is_empty() && !place.prefix.ends_with('/') {
            place.prefix.push('/');
        }
        if place.prefix.len() + MOST_NAME_BYTES > MOST_KEY_BYTES {
            return Err(input(format!(
                "{place} is longer than {} bytes, which leaves too few of a key's 1,024 for the name of a type",
                MOST_KEY_BYTES - MOST_NAME_BYTES
            )));
        }
        refuse_occupied(&store, &place).await?;
        let waiting = tempfile::tempfile().map_err(|error| {
            input(format!(
                "no file can be made in {}, where parts wait for their upload: {error}; name another folder in TMPDIR",
                std::env::temp_dir().display()
            ))
        })?;
        Ok(Self {
            store,
            place,
            waiting,
            objects: BTreeMap::new(),
            full: Vec::new(),
        })
    }

    /// Adds bytes to the object of a value. Values are numbered as they come up; an object begins with its first bytes.
    pub(super) fn append(&mut self, index: usize, value: &[u8], bytes: &[u8]) -> io::Result<()> {
        let (store, place) = (&self.store, &self.place);
        let object = self.objects.entry(index).or_insert_with(|| {
            let key = ObjectKey::new(format!("{}{}", place.prefix, file_name(value)));
            OneObject {
                upload: store.upload_new(&place.bucket, &key),
                key,
                waiting_bytes: 0,
                end: End::Absent,
            }
        });
        let at = place_of(index) + object.waiting_bytes as u64;
        self.waiting.write_all_at(bytes, at).map_err(unkept)?;
        let was_full = object.is_full();
        object.waiting_bytes += bytes.len();
        if !was_full && object.is_full() {
            self.full.push(index);
        }
        Ok(())
    }

    /// Sends the parts that are whole.
    pub(super) async fn send(&mut self) -> anyhow::Result<()> {
        while let Some(index) = self.full.pop() {
            let Some(object) = self.objects.get_mut(&index) else {
                continue;
            };
            let mut sent = 0;
            while object.waiting_bytes - sent >= object.upload.next_part_bytes() {
                let part = read(&self.waiting, index, sent, object.upload.next_part_bytes())?;
                sent += part.len();
                object.upload.send(part).await?;
            }
            let rest = read(&self.waiting, index, sent, object.waiting_bytes - sent)?;
            self.waiting
                .write_all_at(&rest, place_of(index))
                .map_err(unkept)?;
            object.waiting_bytes = rest.len();
        }
        Ok(())
    }

    /// Makes the objects appear. What came up of those that could not all do so is taken back.
    pub(super) async fn finish(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        match self.finish_all(stop).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.abort(error).await),
        }
    }

    async fn finish_all(&mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        self.send().await?;
        // Somebody may have begun to write here meanwhile; a key that is taken is refused by S3 besides.
        refuse_occupied(&self.store, &self.place).await?;
        let (waiting, bucket) = (&self.waiting, &self.place.bucket);
        let mut stop = pin!(stop);
        let mut objects: Vec<_> = self.objects.iter_mut().collect();
        for some in objects.chunks_mut(FINISHED_AT_ONCE) {
            // Between two calls, because nobody knows of a call that is given up whether its object came up.
            if poll_immediate(&mut stop).await.is_some() {
                return Err(super::stopped());
            }
            let finishing = some.iter_mut().map(|(index, object)| async move {
                let last = read(waiting, **index, 0, object.waiting_bytes)?;
                let (end, finished) = match object.upload.finish(last).await {
                    Ok(finished) => (End::There(finished), Ok(())),
                    Err(error @ ObjectStoreError::Unsettled { .. }) => (End::Unknown, Err(error.into())),
                    Err(ObjectStoreError::Replaced { .. }) => {
                        let url = s3_url(bucket, &object.key);
                        let taken = input(format!("{url} came up meanwhile; name another prefix"));
                        (End::Absent, Err(taken))
                    }
                    Err(error) => (End::Absent, Err(error.into())),
                };
                object.end = end;
                finished
            });
            // All of them are awaited, the one that fails or not.
            let finished = join_all(finishing).await;
            finished.into_iter().collect::<anyhow::Result<()>>()?;
        }
        Ok(())
    }

    /// Gives up the uploads, and deletes what came up already. What stays all the same is told with the error: nobody else knows
    /// of it.
    pub(super) async fn abort(self, error: anyhow::Error) -> anyhow::Error {
        let mut left = Vec::new();
        let mut unknown = Vec::new();
        for mut object in self.objects.into_values() {
            let finished = match object.end {
                End::There(finished) => finished,
                End::Absent => {
                    object.upload.abort().await;
                    continue;
                }
                End::Unknown => {
                    unknown.push(s3_url(&self.place.bucket, &object.key));
                    continue;
                }
            };
            let object = Object {
                bucket: self.place.bucket.clone(),
                key: object.key,
                version: None,
                etag: finished.etag,
                size_bytes: finished.size_bytes,
                sequencer: None,
            };
            if self.store.delete(&object).await.is_err() {
                left.push(object.url());
            }
        }
        let error = match left.is_empty() {
            true => error,
            false => error.context(format!("{} could not be deleted and stays", left.join(", "))),
        };
        match unknown.is_empty() {
            true => error,
            false => error.context(format!("{} may be there and was not deleted", unknown.join(", "))),
        }
    }
}

impl OneObject {
    fn is_full(&self) -> bool {
        self.waiting_bytes >= self.upload.next_part_bytes()
    }
}

fn place_of(index: usize) -> u64 {
    index as u64 * PLACE_BYTES
}

fn read(waiting: &File, index: usize, from: usize, length: usize) -> anyhow::Result<Bytes> {
    let mut bytes = vec![0; length];
    let read = waiting.read_exact_at(&mut bytes, place_of(index) + from as u64);
    read.map_err(unkept)?;
    Ok(bytes.into())
}

fn unkept(error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "a part that waits for its upload cannot be kept in {}: {error}; name another folder in TMPDIR",
            std::env::temp_dir().display()
        ),
    )
}

/// An object that stands for the empty folder itself, as the console makes it, is in nobody's way.
async fn refuse_occupied(store: &S3ObjectStore, place: &WatchedPrefix) -> anyhow::Result<()> {
    let page = store.list(place, None).await?;
    let taken = page
        .objects
        .iter()
        .find(|object| object.size_bytes > 0 || object.key.as_str() != place.prefix);
    match taken {
        None => Ok(()),
        Some(taken) => Err(input(format!(
            "{} is there already; name a prefix under which nothing is",
            s3_url(&place.bucket, &taken.key)
        ))),
    }
}
