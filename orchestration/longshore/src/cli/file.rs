//! `file`: what became of files, and what a function would make of one.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use longshore_domain::object::WatchedPrefix;
use longshore_preprocess::KeyPlace;

use super::HandArguments;
use super::value::parse_prefix;

#[derive(Debug, Subcommand)]
pub(crate) enum FileCommand {
    /// Show every load of a key, the newest first, and what lies there now.
    Status {
        /// The object: s3://bucket/key.
        #[arg(value_name = "URL")]
        url: String,
    },
    /// Let a file that was loaded be loaded again when it is sent again, whatever its rule says about files that come again.
    ///
    /// Its rows stay where they are: delete them first. Its load and its marker stay too: a repeated event of the same object
    /// loads nothing. To load it now, from where it lies, use reprocess.
    Forget(FileArguments),
    /// Let the newest load of a key happen again, as `load replay` does.
    Reprocess {
        /// Load beside rows that are there instead of replacing them.
        #[arg(long)]
        accept_duplicates: bool,
        #[command(flatten)]
        arguments: FileArguments,
    },
    /// Do to a file what a function does before it loads it, and cut it into parts. Nothing is loaded.
    ///
    /// The trailer is taken off, and so is the header where there are several parts. Record types get parts of their own. An object
    /// that needs none of the rest is cut on the server's side: no byte of it goes up, and of each part some tens of KiB come down.
    /// CSV, what is compressed or not in UTF-8, record types and a path go through here from end to end.
    Prepare(PrepareArguments),
    /// Say whether a function would take a file: its name, its bytes, its header, its trailer and its counts. Nothing is written.
    ///
    /// What a function would refuse the file for is printed, and the exit code is 1 then. Records of fixed width are measured one by
    /// one too, each type by the columns of its own rule: what COPY would refuse is printed with its line and column. The
    /// deployment's least size of a file and the table are not looked at.
    Check(CheckArguments),
    /// Split the records of a file by the bytes that stand at a place of them, into one file or object for each value.
    ///
    /// A record is a line: quotes mean nothing. Its bytes are written as they are, its line end with them; a byte order mark is left
    /// out. What is shorter than the place is split by what there is of it. A file is called as its value is, with %XX for each byte
    /// that is no letter, digit, - or _, and % for no value at all. Nothing is decompressed.
    Split(SplitArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SplitArguments {
    /// The file: a path, or s3://bucket/key.
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The first and the last byte of the value; the first byte of a record is 1. The record types HD and DT are told by 1:2.
    #[arg(long, value_name = "FROM:TO")]
    pub by: KeyPlace,
    /// The folder that the files are put into, or s3://bucket/prefix/. They come up when all of them are whole; a place that holds
    /// something is refused. On the way to a bucket, up to 5 MiB of each type wait in TMPDIR. A prefix that is watched has what
    /// comes up under it loaded.
    #[arg(long, value_name = "DIR", value_parser = parse_split_place)]
    pub out: SplitPlace,
    /// Print how many requests, bytes, seconds and how much memory it took.
    #[arg(long)]
    pub stats: bool,
}

/// Where a file is split to.
#[derive(Debug, Clone)]
pub(crate) enum SplitPlace {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A prefix of a bucket.
    Prefix(WatchedPrefix),
}

impl SplitPlace {
    /// Where a file of this name lies in it.
    pub(crate) fn file(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Prefix(place) => {
                let place = place.to_string();
                format!("{}/{name}", place.strip_suffix('/').unwrap_or(&place))
            }
        }
    }
}

fn parse_split_place(text: &str) -> Result<SplitPlace, String> {
    match text.starts_with("s3://") {
        true => parse_prefix(text).map(SplitPlace::Prefix),
        false => Ok(SplitPlace::Folder(text.into())),
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file: a path, or s3://bucket/key.
    #[arg(value_name = "FILE")]
    pub file: String,
    #[command(flatten)]
    pub rule: WhichRule,
    /// Print how many requests, bytes, seconds and how much memory it took.
    #[arg(long)]
    pub stats: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PrepareArguments {
    /// The file: s3://bucket/key, or a path, which needs --out.
    #[arg(value_name = "FILE")]
    pub file: String,
    /// How many parts of about the same size are made of it, of each record type at most so many.
    #[arg(long, value_name = "N", default_value = "1")]
    pub parts: NonZeroU32,
    /// Read all of it and count its records: the trailer's count must be theirs. Without it, a trailer is taken at its word where
    /// nothing else needs the bytes.
    #[arg(long)]
    pub verify_count: bool,
    /// Compress the parts with zstd.
    #[arg(long, conflicts_with = "gzip")]
    pub zstd: bool,
    /// Compress the parts with gzip.
    #[arg(long)]
    pub gzip: bool,
    /// What the parts are called: s3://bucket/prefix, to which the file's name and a number are added. Without it, they go to
    /// by-hand/ in the processing folder of the file's bucket, where nothing takes them for new files.
    #[arg(long, value_name = "PREFIX", value_parser = parse_prefix)]
    pub out: Option<WatchedPrefix>,
    #[command(flatten)]
    pub rule: WhichRule,
    /// Print how many requests, bytes, seconds and how much memory it took.
    #[arg(long)]
    pub stats: bool,
}

/// The rule that says what a file is. Without either, the one that the file falls under.
#[derive(Debug, Args)]
pub(crate) struct WhichRule {
    /// This rule, by its number.
    #[arg(long, value_name = "ID", conflicts_with = "rule_file")]
    pub rule: Option<i32>,
    /// The rule in this document (as `rule export` prints it); the control database is not asked.
    #[arg(long, value_name = "FILE")]
    pub rule_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// The objects: s3://bucket/key.
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<String>,
    #[command(flatten)]
    pub hand: HandArguments,
}
