//! `file split`: the records of a file into one file or object for each value that stands at a place of them.

use std::fs::File;
use std::io::Read as _;

use bytes::Bytes;
use futures_util::future::pending;
use futures_util::{FutureExt as _, StreamExt as _};
use longshore_app::ports::{ObjectBody, ObjectStore as _};
use longshore_preprocess::{SplitLimits, SplitValue, ValueSplitError, ValueSplitter};
use longshore_runtime::wiring::{S3ObjectStore, Traffic};
use serde_json::json;

use super::file::place;
use super::file_check::as_it_lies;
use super::local::stop_signal;
use crate::block::Block;
use crate::cli::{SplitArguments, SplitPlace};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
use crate::split::{SplitFolder, SplitOutput, SplitPrefix, file_name, stopped};
use crate::usage::{Measure, Stats};

/// How files begin that hold no lines as they lie.
const NO_LINES: [(&[u8], &str); 5] = [
    (b"\x1F\x8B", "compressed with gzip; decompress it first"),
    (b"BZh", "compressed with bzip2; decompress it first"),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd; decompress it first"),
    (b"\xFF\xFE", "in UTF-16; convert it to UTF-8 first"),
    (b"\xFE\xFF", "in UTF-16; convert it to UTF-8 first"),
];
const MARK: &[u8] = b"\xEF\xBB\xBF";
/// The longest beginning that says something.
const BEGINNING_BYTES: usize = 4;

/// Splits a file and prints what it was split into.
pub(crate) async fn run(
    arguments: SplitArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let measure = Measure::begin();
    let mut stop = match &arguments.out {
        // What a folder is made of is on this machine, and a command that dies leaves it there.
        SplitPlace::Folder(_) => pending().boxed(),
        SplitPlace::Prefix(_) => stop_signal()?.boxed(),
    };
    let bucket = match (arguments.file.starts_with("s3://"), &arguments.out) {
        (false, SplitPlace::Folder(_)) => None,
        _ => Some(deployment.clients().await?.1.objects.counted()),
    };
    let mut source = open(&arguments.file, bucket.as_ref()).await?;
    let to = match (&arguments.out, &bucket) {
        (SplitPlace::Prefix(prefix), Some((objects, _))) => {
            SplitOutput::Prefix(Box::new(SplitPrefix::begin(objects.clone(), prefix).await?))
        }
        (SplitPlace::Folder(folder), _) => SplitOutput::Folder(SplitFolder::begin(folder)?),
        (SplitPlace::Prefix(prefix), None) => return Err(input(format!("{prefix} cannot be reached"))),
    };
    let mut split = Split::begin(&arguments, to);
    let (values, bytes_read) = match split.take_all(&mut source, &mut stop).await {
        Ok(()) => split.finish(stop).await?,
        Err(error) => return Err(split.to.abort(error).await),
    };
    let took = measure.end();
    let stats = Stats {
        requests: bucket.map_or(0, |(_, traffic)| traffic.requests()),
        bytes_read,
        bytes_written: values.iter().map(|value| value.bytes).sum(),
        took,
    };
    show(&arguments, &values, stats, output)?;
    Ok(ExitStatus::Done)
}

/// What is split, block by block.
enum Source {
    Path { name: String, file: File, block: Block },
    Object { body: ObjectBody, chunk: Bytes },
}

async fn open(name: &str, bucket: Option<&(S3ObjectStore, Traffic)>) -> anyhow::Result<Source> {
    let (Some((objects, _)), true) = (bucket, name.starts_with("s3://")) else {
        return Ok(Source::Path {
            name: name.to_owned(),
            file: File::open(name).map_err(|error| unreadable(name, &error))?,
            block: Block::new(),
        });
    };
    let (bucket, key) = place(name)?;
    let Some(head) = objects.head(&bucket, &key).await? else {
        return Err(input(format!("{name} does not exist")));
    };
    Ok(Source::Object {
        body: objects.open(&as_it_lies(&bucket, &key, head)).await?,
        chunk: Bytes::new(),
    })
}

fn unreadable(name: &str, error: &std::io::Error) -> anyhow::Error {
    input(format!("{name} cannot be read: {error}"))
}

impl Source {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> anyhow::Result<&[u8]> {
        match self {
            Self::Path { name, file, block } => {
                let space = block.space();
                let length = file.read(space).map_err(|error| unreadable(name, &error))?;
                Ok(&space[..length])
            }
            Self::Object { body, chunk } => {
                *chunk = Bytes::new();
                while chunk.is_empty()
                    && let Some(next) = body.chunks.next().await
                {
                    *chunk = next?;
                }
                Ok(chunk)
            }
        }
    }
}

/// One file on its way into a folder or under a prefix.
struct Split<'a> {
    name: &'a str,
    splitter: ValueSplitter,
    to: SplitOutput,
    /// The first bytes, until they say whether the file holds lines.
    beginning: Option<Vec<u8>>,
    bytes_read: u64,
}

impl<'a> Split<'a> {
    fn begin(arguments: &'a SplitArguments, to: SplitOutput) -> Self {
        Self {
            name: &arguments.file,
            splitter: ValueSplitter::new(arguments.by, SplitLimits::default()),
            to,
            beginning: Some(Vec::new()),
            bytes_read: 0,
        }
    }

    async fn take_all(
        &mut self,
        source: &mut Source,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> anyhow::Result<()> {
        loop {
            let block = tokio::select! {
                biased;
                () = &mut *stop => return Err(stopped()),
                block = source.next() => block?,
            };
            if block.is_empty() {
                // A file may be shorter than the longest beginning.
                return self.push_beginning();
            }
            self.take(block)?;
            self.to.send().await?;
        }
    }

    fn take(&mut self, block: &[u8]) -> anyhow::Result<()> {
        self.bytes_read += block.len() as u64;
        match &mut self.beginning {
            None => self.push(block),
            Some(beginning) => {
                beginning.extend_from_slice(block);
                match beginning.len() {
                    0..BEGINNING_BYTES => Ok(()),
                    _ => self.push_beginning(),
                }
            }
        }
    }

    /// Refuses what holds no lines, and leaves out a byte order mark: it belongs to the file and not to its first record.
    fn push_beginning(&mut self) -> anyhow::Result<()> {
        let beginning = self.beginning.take().unwrap_or_default();
        if let Some((_, why)) = NO_LINES.iter().find(|(start, _)| beginning.starts_with(start)) {
            return Err(input(format!("{} is {why}", self.name)));
        }
        self.push(beginning.strip_prefix(MARK).unwrap_or(&beginning))
    }

    fn push(&mut self, block: &[u8]) -> anyhow::Result<()> {
        let pushed = self.splitter.push(block, &mut self.to);
        pushed.map_err(|error| told(self.name, error))
    }

    async fn finish(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<(Vec<SplitValue>, u64)> {
        match self.splitter.finish(&mut self.to) {
            Ok(values) => {
                self.to.finish(stop).await?;
                Ok((values, self.bytes_read))
            }
            Err(error) => Err(self.to.abort(told(self.name, error)).await),
        }
    }
}

fn told(name: &str, error: ValueSplitError) -> anyhow::Error {
    match error {
        ValueSplitError::TooManyValues { .. } => input(format!("{name}: {error}")),
        ValueSplitError::OutputRefused(refused) => anyhow::Error::from_boxed(refused.into_inner()),
    }
}

fn show(
    arguments: &SplitArguments,
    values: &[SplitValue],
    stats: Stats,
    output: Output,
) -> anyhow::Result<()> {
    let path = |value: &SplitValue| arguments.out.file(&file_name(&value.value));
    let text = |value: &SplitValue| String::from_utf8_lossy(&value.value).into_owned();
    if output.is_json() {
        let files = values.iter().map(|value| {
            json!({
                "value": text(value),
                "file": path(value),
                "records": value.records,
                "bytes": value.bytes,
            })
        });
        return output.json(&json!({
            "file": arguments.file,
            "by": arguments.by.to_string(),
            "files": files.collect::<Vec<_>>(),
            "stats": arguments.stats.then_some(stats),
        }));
    }
    let rows = values.iter().map(|value| {
        vec![
            text(value).escape_debug().to_string(),
            path(value),
            value.records.to_string(),
            value.bytes.to_string(),
        ]
    });
    output.table(&["value", "file", "records", "bytes"], rows.collect())?;
    match arguments.stats {
        true => output.line(stats.to_string()),
        false => Ok(()),
    }
}
