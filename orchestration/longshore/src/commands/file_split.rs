//! `file split`: the records of a file into one file for each value that stands at a place of them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use futures_util::StreamExt as _;
use longshore_app::ports::ObjectStore as _;
use longshore_preprocess::{
    OutputError, SplitLimits, SplitValue, ValueOutputs, ValueSplitError, ValueSplitter,
};
use serde_json::json;

use super::file::place;
use super::file_check::as_it_lies;
use crate::cli::SplitArguments;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
use crate::split_folder::{SplitFolder, file_name};
use crate::usage::{Measure, Stats};

/// What is read of a local file at once: it stays in the processor's cache until it is written.
const BLOCK_BYTES: usize = 128 * 1024;
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
    let (values, mut stats) = if arguments.file.starts_with("s3://") {
        split_object(&arguments, deployment, &measure).await?
    } else {
        split_path(&arguments, &measure)?
    };
    stats.bytes_written = values.iter().map(|value| value.bytes).sum();
    show(&arguments, &values, stats, output)?;
    Ok(ExitStatus::Done)
}

fn split_path(arguments: &SplitArguments, measure: &Measure) -> anyhow::Result<(Vec<SplitValue>, Stats)> {
    let name = &arguments.file;
    let unreadable = |error| input(format!("{name} cannot be read: {error}"));
    let mut source = File::open(name).map_err(unreadable)?;
    let mut split = Split::begin(arguments)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let length = source.read(&mut block).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        split.take(&block[..length])?;
    }
    let bytes_read = split.bytes_read;
    let values = split.finish()?;
    let stats = Stats {
        requests: 0,
        bytes_read,
        bytes_written: 0,
        took: measure.end(),
    };
    Ok((values, stats))
}

async fn split_object(
    arguments: &SplitArguments,
    deployment: &Deployment,
    measure: &Measure,
) -> anyhow::Result<(Vec<SplitValue>, Stats)> {
    let (bucket, key) = place(&arguments.file)?;
    let (_, clients) = deployment.clients().await?;
    let (objects, traffic) = clients.objects.counted();
    let Some(head) = objects.head(&bucket, &key).await? else {
        return Err(input(format!("{} does not exist", arguments.file)));
    };
    let mut split = Split::begin(arguments)?;
    let mut body = objects.open(&as_it_lies(&bucket, &key, head)).await?;
    while let Some(chunk) = body.chunks.next().await {
        split.take(&chunk?)?;
    }
    let values = split.finish()?;
    Ok((values, Stats::of_traffic(&traffic, measure.end())))
}

/// One file on its way into a folder.
struct Split<'a> {
    name: &'a str,
    splitter: ValueSplitter,
    folder: SplitFolder,
    /// The first bytes, until they say whether the file holds lines.
    beginning: Option<Vec<u8>>,
    bytes_read: u64,
}

impl<'a> Split<'a> {
    fn begin(arguments: &'a SplitArguments) -> anyhow::Result<Self> {
        Ok(Self {
            name: &arguments.file,
            splitter: ValueSplitter::new(arguments.by, SplitLimits::default()),
            folder: SplitFolder::begin(&arguments.out)?,
            beginning: Some(Vec::new()),
            bytes_read: 0,
        })
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
        let pushed = self.splitter.push(block, &mut self.folder);
        pushed.map_err(|error| told(self.name, error))
    }

    fn finish(mut self) -> anyhow::Result<Vec<SplitValue>> {
        self.push_beginning()?;
        let values = self.splitter.finish(&mut self.folder);
        let values = values.map_err(|error| told(self.name, error))?;
        self.folder.finish()?;
        Ok(values)
    }
}

impl ValueOutputs for SplitFolder {
    fn write(&mut self, index: usize, value: &[u8], bytes: &[u8]) -> Result<(), OutputError> {
        self.append(index, value, bytes).map_err(OutputError::new)
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
    let path = |value: &SplitValue| Path::new(&arguments.out).join(file_name(&value.value));
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
            path(value).display().to_string(),
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
