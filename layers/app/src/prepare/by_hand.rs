//! What the functions do to a file, done to one by an operator: nothing is loaded, and no ledger is asked.

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::iter;
use futures_util::{FutureExt, StreamExt};
use longshore_domain::object::{Bucket, Object, ObjectKey};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{Compression, FileRule};
use longshore_preprocess::{
    HeaderInOutput, LocalEnds, OutputFormat, OutputId, OutputKind, PipelineSpec, RecordCounter, Tally,
};

use super::counting::{Counted, count};
use super::cut::is_verbatim;
use super::expansion;
use super::pass::{self, Stop, Written};
use super::pending::{Pending, StopSignal};
use super::places::Places;
use super::spec;
use super::uploads::Uploads;
use super::{part_name, records_of_types, unlisted_remark};
use crate::AppError;
use crate::config::{RangeLimits, UnpackLimit};
use crate::ports::{COPIES_AT_ONCE, Destination, ObjectBody, ObjectStart, ObjectStore, ObjectStoreError};

/// The use case.
#[derive(Clone, Copy)]
pub struct PrepareFile<'a> {
    /// Where files are.
    pub objects: &'a dyn ObjectStore,
    /// How they are read and cut by ranges.
    pub limits: &'a RangeLimits,
    /// How much may come of a compressed one.
    pub unpacking: UnpackLimit,
}

/// A file that is no object: it can be opened as often as is wanted, and is read from its first byte.
pub trait LocalFile: Send + Sync {
    /// Opens it.
    ///
    /// # Errors
    /// It cannot be read.
    fn open(&self) -> Result<ObjectBody, ObjectStoreError>;
}

/// What is wanted of a file.
#[derive(Debug, Clone)]
pub struct FileWish {
    /// Its bucket; that of the parts where it is no object.
    pub bucket: Bucket,
    /// Its key, or its name.
    pub key: ObjectKey,
    /// What it is.
    pub rule: FileRule,
    /// How many parts are made of it.
    pub parts: NonZeroU32,
    /// Whether its records are counted, and compared with its trailer.
    pub counting: Counting,
    /// How the parts are compressed.
    pub compression: Compression,
    /// The bucket of the parts.
    pub to_bucket: Bucket,
    /// What the keys of the parts begin with; the file's name and the number of the part follow.
    pub to_prefix: String,
}

/// Whether records are counted where they need not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// They are, and the trailer's count must be theirs. Every byte is read.
    Verify,
    /// Only what goes through here anyhow is counted; of what is cut on the server's side the trailer is taken at its word.
    Skip,
}

/// What came of it.
#[derive(Debug)]
pub enum FilePreparation {
    /// The parts are there.
    Done(PreparedFile),
    /// A function would refuse the file.
    Refused(RejectReason),
    /// There is no such object.
    NotThere,
}

/// A file that was prepared.
#[derive(Debug)]
pub struct PreparedFile {
    /// The version that was read.
    pub object: Object,
    /// How it was done.
    pub way: Way,
    /// The parts, in the order of the file.
    pub parts: Vec<PreparedPart>,
    /// Its data records, if they were counted.
    pub records: Option<u64>,
    /// Records that its trailer says it has.
    pub declared: Option<u64>,
    /// The records of each type, in the order of the rule's types; empty where it does not split.
    pub record_types: Vec<(String, u64)>,
    /// What a person should know.
    pub remark: Option<String>,
}

/// How a file was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was looked at in a few places, or read once, and cut on the server's side.
    ByRanges,
    /// It went through here from end to end and up again.
    InAStream,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedPart {
    /// The type of its records, where the rule splits.
    pub record_type: Option<String>,
    /// Its key.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size_bytes: u64,
}

impl PrepareFile<'_> {
    /// Prepares a file, unless `stop` comes true before. Nothing appears before the file is judged, and what a preparation that fails
    /// has written does not stay.
    ///
    /// # Errors
    /// Our own failures and those of the object store, with what stays all the same; a file at fault is an outcome.
    pub async fn run(
        &self,
        wish: &FileWish,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<FilePreparation, AppError> {
        let start = self
            .objects
            .read_start(&wish.bucket, &wish.key, self.limits.window_bytes);
        let Some(ObjectStart { head, bytes }) = start.await? else {
            return Ok(FilePreparation::NotThere);
        };
        let job = Job {
            objects: self.objects,
            limits: self.limits,
            wish,
            local: None,
            object: Object {
                bucket: wish.bucket.clone(),
                key: wish.key.clone(),
                version: head.version,
                etag: head.etag,
                size_bytes: head.size_bytes,
                sequencer: None,
            },
            spec: self.pipeline(wish, head.size_bytes),
            stop: stop.boxed().shared(),
        };
        outcome(&job, Box::pin(job.prepare(bytes)).await)
    }

    /// Prepares a file that is no object: it goes through here from end to end.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_local(
        &self,
        file: &dyn LocalFile,
        wish: &FileWish,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<FilePreparation, AppError> {
        let size_bytes = file.open()?.size_bytes;
        let job = Job {
            objects: self.objects,
            limits: self.limits,
            wish,
            local: Some(file),
            object: Object {
                bucket: wish.bucket.clone(),
                key: wish.key.clone(),
                version: None,
                etag: None,
                size_bytes,
                sequencer: None,
            },
            spec: self.pipeline(wish, size_bytes),
            stop: stop.boxed().shared(),
        };
        outcome(&job, Box::pin(job.in_a_stream()).await)
    }

    fn pipeline(&self, wish: &FileWish, size_bytes: u64) -> PipelineSpec {
        PipelineSpec {
            decompressed_limit_bytes: Some(self.unpacking.most_bytes_of(size_bytes)),
            ..pipeline(wish)
        }
    }
}

fn outcome(job: &Job<'_>, done: Result<PreparedFile, Stop>) -> Result<FilePreparation, AppError> {
    match done {
        Ok(prepared) => Ok(FilePreparation::Done(prepared)),
        Err(Stop::File(reason)) => Ok(FilePreparation::Refused(reason)),
        Err(Stop::Us(error)) => Err(error),
        Err(Stop::Time(_)) => Err(AppError::OutOfTime {
            url: job.object.url(),
        }),
    }
}

/// What the engine is asked. Parts have no header: the server copies bytes that lie together, and COPY of several files wants
/// them all alike.
fn pipeline(wish: &FileWish) -> PipelineSpec {
    let rule = FileRule {
        prepared_compression: wish.compression,
        ..wish.rule.clone()
    };
    let mut spec = spec::pipeline(&rule, Some(spec::plain_output(&rule)));
    if wish.parts.get() > 1 {
        spec.header.in_output = HeaderInOutput::Drop;
    }
    spec
}

/// Where a file is cut on the server's side.
struct Cuts {
    ranges: Vec<Range<u64>>,
    records: Option<u64>,
    declared: Option<u64>,
}

/// One file on its way.
struct Job<'a> {
    objects: &'a dyn ObjectStore,
    limits: &'a RangeLimits,
    wish: &'a FileWish,
    /// Where it is read, when it is no object.
    local: Option<&'a dyn LocalFile>,
    object: Object,
    spec: PipelineSpec,
    /// Comes true when it is not wanted any more.
    stop: StopSignal<'a>,
}

impl Job<'_> {
    async fn prepare(&self, start: Bytes) -> Result<PreparedFile, Stop> {
        let Some(cuts) = self.while_wanted(self.cuts(start)).await? else {
            return self.in_a_stream().await;
        };
        Ok(PreparedFile {
            object: self.object.clone(),
            way: Way::ByRanges,
            parts: self.copy(cuts.ranges).await?,
            records: cuts.records,
            declared: cuts.declared,
            record_types: Vec::new(),
            remark: None,
        })
    }

    /// Of what only reads, so that nothing is left when it is dropped.
    async fn while_wanted<T>(&self, reading: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.stop.clone() => Err(AppError::Stopped.into()),
            read = reading => read,
        }
    }

    /// `None` when the file must go through the engine: it cannot be cut so, or is wrong in a way that only the engine can
    /// place.
    async fn cuts(&self, start: Bytes) -> Result<Option<Cuts>, Stop> {
        let Some((places, ends)) = self.places() else {
            return Ok(None);
        };
        let Some(head) = places.head(Some(start)).await? else {
            return Ok(None);
        };
        let Some(tail) = places.tail(head.data_from).await? else {
            return Ok(None);
        };
        // Copied, the last record would lack the line end that a stream gives it.
        if !tail.ends_in_line_end {
            return Ok(None);
        }
        let trailer = tail.trailer.as_ref();
        let declared = trailer.and_then(|trailer| trailer.declared(&self.spec));
        let promises = self
            .spec
            .trailer
            .as_ref()
            .is_some_and(|trailer| trailer.count.is_some());
        if promises && declared.is_none() {
            return Ok(None);
        }
        let end = trailer.map_or(self.object.size_bytes, |trailer| trailer.byte);
        let records = match self.wish.counting {
            Counting::Skip => None,
            Counting::Verify => {
                let tally = self.count(&places, &head, head.data_from..end).await?;
                if tally.records < self.spec.minimum_records.max(1)
                    || tally.blank_records != tail.blank_records
                {
                    return Ok(None);
                }
                if let Some(trailer) = trailer {
                    trailer.verify(&self.spec, 1 + head.header_lines + tally.lines, tally.records)?;
                }
                Some(tally.records)
            }
        };
        let from = match self.spec.header.in_output {
            HeaderInOutput::Keep => head.mark_bytes,
            HeaderInOutput::Drop => head.data_from,
        };
        let ranges = places
            .cuts(ends, from..tail.data_to, self.wish.parts.get())
            .await?;
        Ok(Some(Cuts {
            ranges,
            records,
            declared,
        }))
    }

    async fn open(&self) -> Result<ObjectBody, Stop> {
        match self.local {
            Some(file) => Ok(file.open()?),
            None => Ok(self.objects.open(&self.object).await?),
        }
    }

    fn places(&self) -> Option<(Places<'_>, LocalEnds)> {
        let is_pinned = self.object.etag.is_some() || self.object.version.is_some();
        let is_long = self.object.size_bytes > self.limits.least_source_bytes;
        let is_verbatim = self.spec.output.as_ref().is_some_and(is_verbatim);
        let is_whole = self.spec.split.is_none();
        let ends = LocalEnds::of(&self.spec).filter(|_| is_pinned && is_long && is_verbatim && is_whole)?;
        let places = Places {
            objects: self.objects,
            limits: self.limits,
            source: &self.object,
            spec: &self.spec,
        };
        Some((places, ends))
    }

    async fn count(
        &self,
        places: &Places<'_>,
        head: &longshore_preprocess::Head,
        text: Range<u64>,
    ) -> Result<Tally, Stop> {
        let counter = RecordCounter::new(&self.spec)
            .expect("records that are told on the spot can be counted in chunks");
        match count(places, counter, head, text, Tally::default(), |_| false).await? {
            Counted::Whole(tally) | Counted::Partly(tally) => Ok(tally),
        }
    }

    /// Copies the ranges on the server's side. All of them appear, or none.
    async fn copy(&self, ranges: Vec<Range<u64>>) -> Result<Vec<PreparedPart>, Stop> {
        let mut pending = Pending::new(self.objects, &self.wish.to_bucket);
        if let Err(error) = self.copy_into(&mut pending, ranges).await {
            pending.abort().await;
            self.objects.abandoned_is_gone().await;
            return Err(error);
        }
        let written = pending.appear(&self.stop).await?;
        Ok(written
            .into_iter()
            .map(|((), written)| part(None, written))
            .collect())
    }

    async fn copy_into(&self, pending: &mut Pending<'_, ()>, ranges: Vec<Range<u64>>) -> Result<(), Stop> {
        let copies = iter(ranges).enumerate().map(|(index, range)| async move {
            let key = self.key(None, index);
            let to = Destination {
                bucket: &self.wish.to_bucket,
                key: &key,
            };
            let copied = self.objects.pending_copy(&self.object, range, to).await;
            copied.map(|copied| (key, copied))
        });
        let mut copies = copies.buffered(COPIES_AT_ONCE);
        while let Some(copied) = self.while_wanted(async { Ok(copies.next().await) }).await? {
            let (key, copied) = copied?;
            pending.add((), key, copied);
        }
        Ok(())
    }

    async fn in_a_stream(&self) -> Result<PreparedFile, Stop> {
        let spec = PipelineSpec {
            output: match self.spec.output {
                Some(output) => Some(OutputFormat {
                    part_bytes: self.while_wanted(self.part_bytes()).await?,
                    ..output
                }),
                None => None,
            },
            ..self.spec.clone()
        };
        let mut uploads = Uploads::new(self.objects, &self.wish.to_bucket, self.stop.clone());
        let key = |output: OutputId| self.key(self.record_type(output), output.part as usize);
        let report = match pass::read(self.open().await?, spec, &mut uploads, key, |_, _| None).await {
            Ok(report) => report,
            Err(stop) => {
                uploads.abort().await;
                return Err(stop);
            }
        };
        let written = uploads.finish().await?;
        Ok(PreparedFile {
            object: self.object.clone(),
            way: Way::InAStream,
            parts: written
                .into_iter()
                .map(|(output, written)| part(self.record_type(output), written))
                .collect(),
            records: Some(report.records),
            declared: report.trailer.as_ref().and_then(|trailer| trailer.count),
            record_types: records_of_types(&self.wish.rule, &report),
            remark: self
                .wish
                .rule
                .split
                .as_ref()
                .and_then(|prefixes| unlisted_remark(&report, prefixes)),
        })
    }

    /// The type whose records an output holds.
    fn record_type(&self, output: OutputId) -> Option<&str> {
        match (output.kind, &self.wish.rule.split) {
            (OutputKind::Prefix(index), Some(prefixes)) => prefixes.get(index).map(String::as_str),
            _ => None,
        }
    }

    /// The length of a part before it is compressed, by which there are as many as are wanted, or about as many where the file
    /// is compressed itself.
    async fn part_bytes(&self) -> Result<Option<NonZeroU64>, Stop> {
        let parts = u64::from(self.wish.parts.get());
        if parts == 1 {
            return Ok(None);
        }
        let bytes = self.expansion().await? * self.object.size_bytes as f64 / parts as f64;
        // A length that does not fit was no length of an object.
        Ok(NonZeroU64::new(bytes.ceil() as u64))
    }

    /// How many bytes come of one, by the file's beginning.
    async fn expansion(&self) -> Result<f64, Stop> {
        if self.spec.compression == longshore_preprocess::Compression::None {
            return Ok(1.0);
        }
        expansion::of(self.open().await?, &self.spec).await
    }

    fn key(&self, record_type: Option<&str>, index: usize) -> ObjectKey {
        let record_type =
            record_type.map_or_else(String::new, |record_type| format!(".{}", part_name(record_type)));
        let name = self.object.key.file_name();
        let extension = self.wish.compression.extension();
        ObjectKey::new(format!(
            "{}{name}{record_type}.{:04}{extension}",
            self.wish.to_prefix,
            index + 1
        ))
    }
}

fn part(record_type: Option<&str>, written: Written) -> PreparedPart {
    PreparedPart {
        record_type: record_type.map(str::to_owned),
        key: written.key,
        size_bytes: written.size_bytes,
    }
}
