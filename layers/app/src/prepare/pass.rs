//! One pass over the file: S3 to engine to S3.

use bytes::Bytes;
use futures_util::future::{pending, try_join};
use futures_util::{FutureExt, StreamExt};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Object, ObjectKey};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::FileRule;
use longshore_preprocess::{Compression, OutputId, OutputKind, Pipeline, PipelineSpec, PrepareError, Report};

use super::decoding::Decoding;
use super::pace::{Pace, Progress};
use super::pending::StopSignal;
use super::uploads::{Blocks, Uploads};
use super::{fault, part_key, part_name};
use crate::ports::{ObjectBody, ObjectStoreError};
use crate::{App, AppError};

/// A pass that came to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// What the engine saw.
    pub report: Report,
    /// What was written, by the index of the rule's prefix; `None` stands for the whole file, or a part of it.
    pub written: Vec<(Option<usize>, Written)>,
}

/// An object that a pass wrote.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// Its key.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its entity tag.
    pub etag: Option<String>,
}

/// What came of a pass.
#[derive(Debug)]
pub(super) enum Passed {
    /// It came to the file's end.
    Whole(Finished),
    /// The file is at fault.
    Refused(RejectReason),
    /// There was not time enough.
    OutOfTime(Progress),
}

/// How a pass can stop.
pub(super) enum Stop {
    /// The file is at fault.
    File(RejectReason),
    /// There was not time enough.
    Time(Progress),
    /// We could not do it.
    Us(AppError),
}

impl From<AppError> for Stop {
    fn from(error: AppError) -> Self {
        Self::Us(error)
    }
}

impl From<PrepareError> for Stop {
    fn from(error: PrepareError) -> Self {
        fault::reason(error).map_or_else(Self::Us, Self::File)
    }
}

impl From<ObjectStoreError> for Stop {
    fn from(error: ObjectStoreError) -> Self {
        match error.is_of_the_gone() {
            true => Self::File(RejectReason::ObjectGone),
            false => Self::Us(error.into()),
        }
    }
}

/// Runs the file through the engine. What a pass that stops has written does not appear.
pub(super) async fn run(
    app: &App,
    pace: &Pace,
    load: LoadId,
    object: &Object,
    spec: PipelineSpec,
    rule: &FileRule,
) -> Result<Passed, AppError> {
    let objects = app.objects.as_ref();
    let mut uploads = Uploads::new(objects, &object.bucket, pending().boxed().shared());
    let key = |output: OutputId| part_key(app, load, rule, &output_name(output, rule));
    let watch = |read_bytes, size_bytes| pace.cannot_finish(app.clock.now(), read_bytes, size_bytes);
    let done = match objects.open(object).await {
        Ok(body) => read(body, spec, &mut uploads, key, watch).await,
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(report) => {
            let written = uploads.finish().await?;
            let written = written
                .into_iter()
                .map(|(output, written)| (prefix_index(output), written))
                .collect();
            Ok(Passed::Whole(Finished { report, written }))
        }
        Err(stop) => {
            uploads.abort().await;
            match stop {
                Stop::File(reason) => Ok(Passed::Refused(reason)),
                Stop::Time(progress) => Ok(Passed::OutOfTime(progress)),
                Stop::Us(error) => Err(error),
            }
        }
    }
}

/// Reads a file from end to end and sends on what the engine makes of it. `watch` is asked, with the bytes read and all there
/// are, whether the time is over.
pub(super) async fn read(
    body: ObjectBody,
    spec: PipelineSpec,
    uploads: &mut Uploads<'_>,
    key: impl Fn(OutputId) -> ObjectKey,
    watch: impl Fn(u64, u64) -> Option<Progress>,
) -> Result<Report, Stop> {
    let source = Source {
        body,
        watch,
        stop: uploads.stop(),
    };
    let (compression, limit_bytes) = (spec.compression, spec.decompressed_limit_bytes);
    let spec = PipelineSpec {
        compression: Compression::None,
        ..spec
    };
    let pipeline = Pipeline::new(spec).map_err(|error| AppError::Engine(error.into()))?;
    let mut pass = Pass {
        pipeline,
        blocks: Blocks::default(),
        uploads,
        key,
    };
    match compression {
        Compression::None => {
            source.each(async |chunk| pass.take(&chunk).await).await?;
            pass.finish().await
        }
        Compression::Gzip | Compression::Bzip2 | Compression::Zstd => {
            let bytes_read = decode(source, compression, limit_bytes, &mut pass).await?;
            Ok(Report {
                bytes_read,
                ..pass.finish().await?
            })
        }
    }
}

/// Sends a compressed file through the engine while it is decoded; gives its length.
async fn decode(
    source: Source<'_, impl Fn(u64, u64) -> Option<Progress>>,
    compression: Compression,
    limit_bytes: Option<u64>,
    pass: &mut Pass<'_, '_, impl Fn(OutputId) -> ObjectKey>,
) -> Result<u64, Stop> {
    let (chunks, mut decoding) = Decoding::begin(compression, limit_bytes);
    let reading = source.each(async move |chunk| {
        // The decoding takes no more chunks once it met a fault, which it tells itself.
        drop(chunks.send(chunk).await);
        Ok(())
    });
    let passing = async {
        while let Some(piece) = decoding.next().await {
            pass.take(&piece).await?;
        }
        decoding.end().await
    };
    let ((), bytes_read) = try_join(reading, passing).await?;
    Ok(bytes_read)
}

/// The file as it comes down, as long as there is time and it is wanted.
struct Source<'a, Watch> {
    body: ObjectBody,
    watch: Watch,
    stop: StopSignal<'a>,
}

impl<Watch: Fn(u64, u64) -> Option<Progress>> Source<'_, Watch> {
    /// Hands on every chunk.
    async fn each(mut self, mut take: impl AsyncFnMut(Bytes) -> Result<(), Stop>) -> Result<(), Stop> {
        let mut read_bytes = 0;
        loop {
            let chunk = tokio::select! {
                biased;
                () = &mut self.stop => return Err(AppError::Stopped.into()),
                chunk = self.body.chunks.next() => chunk,
            };
            let Some(chunk) = chunk.transpose()? else {
                return Ok(());
            };
            if let Some(progress) = (self.watch)(read_bytes, self.body.size_bytes) {
                return Err(Stop::Time(progress));
            }
            read_bytes += chunk.len() as u64;
            take(chunk).await?;
        }
    }
}

/// The engine between what comes down and what goes up.
struct Pass<'uploads, 'objects, Key> {
    pipeline: Pipeline,
    blocks: Blocks,
    uploads: &'uploads mut Uploads<'objects>,
    key: Key,
}

impl<Key: Fn(OutputId) -> ObjectKey> Pass<'_, '_, Key> {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let mut rest = bytes;
        loop {
            let progress = self.pipeline.push(rest, &mut self.blocks)?;
            rest = &rest[progress.consumed..];
            self.uploads.take(&mut self.blocks, &self.key).await?;
            if rest.is_empty() && !progress.pending {
                return Ok(());
            }
        }
    }

    async fn finish(mut self) -> Result<Report, Stop> {
        let report = self.pipeline.finish(&mut self.blocks)?;
        self.uploads.take_last(&mut self.blocks, &self.key).await?;
        Ok(report)
    }
}

fn output_name(output: OutputId, rule: &FileRule) -> String {
    match (prefix_index(output), &rule.split) {
        (Some(index), Some(prefixes)) => prefixes
            .get(index)
            .map_or_else(String::new, |prefix| part_name(prefix)),
        _ => match output.part {
            0 => "data".to_owned(),
            part => format!("data-{:04}", part + 1),
        },
    }
}

fn prefix_index(output: OutputId) -> Option<usize> {
    match output.kind {
        OutputKind::Prefix(index) => Some(index),
        OutputKind::Whole | OutputKind::Unlisted => None,
    }
}
