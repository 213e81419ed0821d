//! How a file is prepared, chosen by what it costs.
//!
//! Pure figures: from a file's length and what its rule asks for follow the ways in which it can be prepared, each with its
//! requests, bytes, memory, time and price. The cheapest one that may be gone is taken. `longshore rule explain --plan` prints it.

use std::num::NonZeroU64;

use serde::Serialize;

use crate::rule::{Compression, DataFormat, Encoding, FileRule};

const MEBIBYTE: u64 = 1024 * 1024;
/// S3 copies ranges of longer objects only.
const LEAST_CUT_BYTES: u64 = 5 * MEBIBYTE;
/// From this length on Redshift reads a file of these kinds by several slices at once.
/// <https://docs.aws.amazon.com/redshift/latest/dg/t_splitting-data-files.html>
const SPLITS_BY_ITSELF_BYTES: u64 = 128 * MEBIBYTE;
/// What is looked at around a place.
const WINDOW_BYTES: u64 = 32 * 1024;
/// The longest chunk of a file that is counted in chunks: longer ones would be no faster.
pub const MOST_CHUNK_BYTES: u64 = 8 * MEBIBYTE;
/// Chunks on their way at once: one connection to S3 brings as much as a function's network, and what waits for the processor should
/// lie in its nearest caches.
pub const CHUNKS_IN_FLIGHT: u64 = 4;
/// A part of a copy on the server's side.
const COPY_PART_BYTES: u64 = 512 * MEBIBYTE;
/// Copies that a store makes at once on its side. S3 copies each at some 100 MB/s, however many there are, and a long file has to be
/// copied within an invocation: of 5 TB that takes seven minutes by this reckoning. Here they take a request each and no memory.
pub const COPIES_AT_ONCE: u64 = 128;
/// The text of one part of a prepared copy: packed, some 100 MB. Redshift's manual asks for files of 1 MB to 1 GB.
pub const PART_TEXT_BYTES: NonZeroU64 = NonZeroU64::new(256 * MEBIBYTE).unwrap();
/// A part of an upload, and what one upload holds of them.
const UPLOAD_PART_BYTES: u64 = 5 * MEBIBYTE;
const UPLOAD_MEMORY_BYTES: u64 = 4 * UPLOAD_PART_BYTES;
/// What a function reads or writes in a second.
const NETWORK_BYTES_PER_SECOND: f64 = 75.0 * MEBIBYTE as f64;
/// What S3 copies of one part in a second.
const COPY_BYTES_PER_SECOND: f64 = 100.0 * MEBIBYTE as f64;
/// Until a request is answered.
const REQUEST_SECONDS: f64 = 0.03;
/// What a process needs before it does anything.
const START_MEMORY_BYTES: u64 = 32 * MEBIBYTE;
/// Dollars of a GET, of any request that writes, and of a GB-second of an arm64 function (us-east-1).
const READ_DOLLARS: f64 = 0.000_000_4;
const WRITE_DOLLARS: f64 = 0.000_005;
const GIGABYTE_SECOND_DOLLARS: f64 = 0.000_013_333_4;
/// The memory that the template gives a function: what is paid for, used or not.
const FUNCTION_GIGABYTES: f64 = 1.0;
/// With so much memory a function has a whole processor, with less as much less of one.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const GIGABYTES_OF_A_PROCESSOR: f64 = 1.769;
/// The longest that Lambda lets an invocation take, and that the template does.
const INVOCATION_SECONDS: f64 = 900.0;
/// How many times longer the text of a compressed file is than the file: nobody knows before it is read, and text of a business is
/// packed some three to five times.
const UNPACKED: u64 = 4;

/// How a file can be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preparation {
    /// COPY reads it where it lies, and nobody else reads it.
    AsItLies,
    /// It is read and counted, and COPY reads it where it lies.
    Checked,
    /// It is read and counted, and rewritten on the server's side.
    CutByRanges,
    /// It goes through the function from end to end, and up again.
    Streamed,
}

/// A part of the work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreparationStep {
    /// What is done.
    pub what: &'static str,
    /// Requests that read.
    pub reads: u64,
    /// Requests that write.
    pub writes: u64,
    /// Bytes that come down.
    pub bytes_down: u64,
    /// Bytes that go up.
    pub bytes_up: u64,
    /// How long it takes by itself.
    pub seconds: f64,
    /// Whether the next invocation goes on with it where one stopped.
    pub is_resumable: bool,
}

/// Whether the time of one invocation is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InvocationsNeeded {
    /// It is.
    One,
    /// What was counted is kept, and the next one goes on.
    Several,
    /// It is not, and the next one would begin anew: the file is refused after some tries.
    TooLong,
}

/// A way and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreparationPlan {
    /// The way.
    pub way: Preparation,
    /// Why this one.
    pub because: &'static str,
    /// What is done, in order.
    pub steps: Vec<PreparationStep>,
    /// The most memory that it takes.
    pub memory_bytes: u64,
    /// Whether Redshift reads what is prepared by several slices at once: cutting it into parts would speed up nothing.
    pub redshift_splits_it: bool,
    /// The objects that its copy is; 0 where there is none.
    pub parts: u64,
}

impl PreparationPlan {
    /// All of its seconds. What streams goes down, through the codecs and up at the same time.
    pub fn seconds(&self) -> f64 {
        let seconds = self.steps.iter().map(|step| step.seconds);
        match self.way {
            Preparation::Streamed => seconds.fold(0.0, f64::max),
            Preparation::AsItLies | Preparation::Checked | Preparation::CutByRanges => {
                seconds.fold(0.0, |all, one| all + one)
            }
        }
    }

    /// Whether it can be done within an invocation, or by several.
    pub fn invocations(&self) -> InvocationsNeeded {
        let at_a_stretch = self.steps.iter().filter(|step| !step.is_resumable);
        if self.seconds() <= INVOCATION_SECONDS {
            InvocationsNeeded::One
        } else if at_a_stretch.map(|step| step.seconds).fold(0.0, f64::max) <= INVOCATION_SECONDS {
            InvocationsNeeded::Several
        } else {
            InvocationsNeeded::TooLong
        }
    }

    /// What its requests and the function's time cost.
    pub fn dollars(&self) -> f64 {
        let requests = self
            .steps
            .iter()
            .map(|step| step.reads as f64 * READ_DOLLARS + step.writes as f64 * WRITE_DOLLARS);
        requests.sum::<f64>() + self.seconds() * FUNCTION_GIGABYTES * GIGABYTE_SECOND_DOLLARS
    }
}

/// The cheapest way to prepare a file of this length under this rule.
pub fn plan(rule: &FileRule, size_bytes: u64) -> PreparationPlan {
    let mut ways = ways(rule, size_bytes);
    ways.sort_by(|one, other| one.dollars().total_cmp(&other.dollars()));
    ways.swap_remove(0)
}

/// Every way in which it can be prepared; never none.
fn ways(rule: &FileRule, size_bytes: u64) -> Vec<PreparationPlan> {
    let text_bytes = match rule.compression {
        Compression::None | Compression::Lzop => size_bytes,
        Compression::Gzip | Compression::Bzip2 | Compression::Zstd => size_bytes * UNPACKED,
    };
    let of = |way, because, steps, memory_bytes| PreparationPlan {
        parts: match way {
            Preparation::AsItLies | Preparation::Checked => 0,
            Preparation::Streamed if may_be_in_parts(rule) => {
                text_bytes.div_ceil(PART_TEXT_BYTES.get()).max(1)
            }
            Preparation::Streamed | Preparation::CutByRanges => 1,
        },
        way,
        because,
        steps,
        memory_bytes: START_MEMORY_BYTES + memory_bytes,
        redshift_splits_it: redshift_splits(rule, size_bytes),
    };
    if !reads(rule) {
        let because = "its format is not looked into";
        return vec![of(Preparation::AsItLies, because, Vec::new(), 0)];
    }
    let by_chunks = may_be_cut(rule, size_bytes);
    let check = if by_chunks {
        count_by_chunks(size_bytes)
    } else {
        read_once(size_bytes)
    };
    let chunks = if by_chunks {
        CHUNKS_IN_FLIGHT * MOST_CHUNK_BYTES.min(size_bytes)
    } else {
        0
    };
    if !rewrites(rule) {
        let because = "COPY can read it as it is, once it is checked";
        return vec![of(Preparation::Checked, because, vec![check], chunks)];
    }
    let copy_bytes = match rule.prepared_compression {
        Compression::None | Compression::Lzop => text_bytes,
        Compression::Gzip | Compression::Bzip2 | Compression::Zstd => text_bytes.div_ceil(UNPACKED),
    };
    let streamed = vec![
        read_once(size_bytes),
        through_codecs(rule, text_bytes),
        upload(copy_bytes),
    ];
    let because = "COPY could not read it as it is, and its bytes change";
    let mut ways = vec![of(Preparation::Streamed, because, streamed, UPLOAD_MEMORY_BYTES)];
    if may_be_cut(rule, size_bytes) {
        let because = "only its trailer goes, so the rest is copied on the server's side";
        let steps = vec![look_at_the_ends(), check, copy(size_bytes)];
        ways.push(of(Preparation::CutByRanges, because, steps, chunks));
    }
    ways
}

fn reads(rule: &FileRule) -> bool {
    let is_readable = matches!(
        rule.compression,
        Compression::Gzip | Compression::Bzip2 | Compression::Zstd
    );
    rule.is_record_oriented() || is_readable
}

/// Whether COPY could not read it as it is.
fn rewrites(rule: &FileRule) -> bool {
    let changes =
        rule.trailer.is_some() || rule.split.is_some() || rule.prepared_compression != rule.compression;
    changes && rule.is_record_oriented()
}

/// Whether what is written are bytes of the file as they lie.
fn may_be_cut(rule: &FileRule, size_bytes: u64) -> bool {
    let is_verbatim = rule.compression == Compression::None
        && rule.prepared_compression == Compression::None
        && (rule.encoding == Encoding::Utf8 || (rule.encoding == Encoding::Iso88591 && !rewrites(rule)));
    is_verbatim && rule.split.is_none() && rule.is_record_oriented() && size_bytes > LEAST_CUT_BYTES
}

/// Uncompressed and bzip2 delimited text, and columnar files, of 128 MB and more.
fn redshift_splits(rule: &FileRule, size_bytes: u64) -> bool {
    is_split_by_redshift(rule) && size_bytes >= SPLITS_BY_ITSELF_BYTES
}

/// Whether the copy of a long file is written in parts: several slices of the warehouse can read it then, and one would otherwise. A
/// record type is one object, and so is what several warehouses read.
pub fn may_be_in_parts(rule: &FileRule) -> bool {
    !is_split_by_redshift(rule) && rule.split.is_none() && rule.deliveries.is_empty()
}

/// Whether Redshift reads a long file of what COPY is given by several slices at once. Others are read by one slice each.
fn is_split_by_redshift(rule: &FileRule) -> bool {
    match &rule.format {
        DataFormat::Delimited(_) => {
            matches!(rule.prepared_compression, Compression::None | Compression::Bzip2)
        }
        DataFormat::Parquet | DataFormat::Orc => true,
        DataFormat::FixedWidth | DataFormat::Json(_) | DataFormat::Avro(_) => false,
    }
}

fn look_at_the_ends() -> PreparationStep {
    PreparationStep {
        what: "look at its head and its tail",
        reads: 2,
        writes: 0,
        bytes_down: 2 * WINDOW_BYTES,
        bytes_up: 0,
        seconds: 2.0 * REQUEST_SECONDS,
        is_resumable: false,
    }
}

fn count_by_chunks(size_bytes: u64) -> PreparationStep {
    PreparationStep {
        what: "read it once, several ranges at a time, and count",
        reads: size_bytes.div_ceil(MOST_CHUNK_BYTES),
        writes: 0,
        bytes_down: size_bytes,
        bytes_up: 0,
        seconds: REQUEST_SECONDS + moved(size_bytes),
        is_resumable: true,
    }
}

fn read_once(size_bytes: u64) -> PreparationStep {
    PreparationStep {
        what: "read it from end to end and count",
        reads: 1,
        writes: 0,
        bytes_down: size_bytes,
        bytes_up: 0,
        seconds: REQUEST_SECONDS + moved(size_bytes),
        is_resumable: false,
    }
}

/// The work on the text. Seconds of a processor for a GiB of text are those that `make bench ONLY=codecs` printed (docs/performance.md),
/// and 0.2 for counting it.
fn through_codecs(rule: &FileRule, text_bytes: u64) -> PreparationStep {
    let decoded = match rule.compression {
        Compression::None | Compression::Lzop => 0.0,
        Compression::Gzip => 2.6,
        Compression::Zstd => 1.0,
        Compression::Bzip2 => 20.0,
    };
    let encoded = match rule.prepared_compression {
        Compression::None | Compression::Lzop => 0.0,
        Compression::Gzip => 4.9,
        Compression::Zstd => 2.45,
        Compression::Bzip2 => 60.0,
    };
    let processor = FUNCTION_GIGABYTES / GIGABYTES_OF_A_PROCESSOR;
    let gibibytes = text_bytes as f64 / (1024 * MEBIBYTE) as f64;
    PreparationStep {
        what: "decode, count and encode",
        reads: 0,
        writes: 0,
        bytes_down: 0,
        bytes_up: 0,
        seconds: gibibytes * (0.2 + decoded + encoded) / processor,
        is_resumable: false,
    }
}

fn upload(size_bytes: u64) -> PreparationStep {
    let parts = size_bytes.div_ceil(UPLOAD_PART_BYTES).max(1);
    // Begun and completed, unless one request takes it all.
    let writes = if parts == 1 { 1 } else { parts + 2 };
    PreparationStep {
        what: "write the copy",
        reads: 0,
        writes,
        bytes_down: 0,
        bytes_up: size_bytes,
        seconds: REQUEST_SECONDS + moved(size_bytes),
        is_resumable: false,
    }
}

fn copy(size_bytes: u64) -> PreparationStep {
    let parts = size_bytes.div_ceil(COPY_PART_BYTES).max(1);
    let at_once = parts.min(COPIES_AT_ONCE) as f64;
    PreparationStep {
        what: "copy it on the server's side",
        reads: 0,
        writes: parts + 2,
        bytes_down: 0,
        bytes_up: 0,
        seconds: 3.0 * REQUEST_SECONDS + size_bytes as f64 / (COPY_BYTES_PER_SECOND * at_once),
        is_resumable: false,
    }
}

fn moved(bytes: u64) -> f64 {
    bytes as f64 / NETWORK_BYTES_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{ColumnRow, RuleRow};

    const GIBIBYTE: u64 = 1024 * MEBIBYTE;

    fn rule(change: impl FnOnce(&mut RuleRow)) -> FileRule {
        let mut row = RuleRow {
            ext_file_config_sid: 1,
            file_prefix: "527.".to_owned(),
            file_format: "txt".to_owned(),
            file_type: "txt".to_owned(),
            delimiter: Some("|".to_owned()),
            header_flag: "N".to_owned(),
            trailer_flag: "Y".to_owned(),
            trailer_tag: Some("T|".to_owned()),
            split_file_flag: "N".to_owned(),
            tgt_schema_name: Some("s".to_owned()),
            tgt_table_name: Some("t".to_owned()),
            columns: vec![ColumnRow {
                column_name: "id".to_owned(),
                column_width_fixed: None,
            }],
            ..RuleRow::default()
        };
        change(&mut row);
        FileRule::from_row(&row).unwrap()
    }

    #[test]
    fn a_long_file_with_a_trailer_comes_down_once_and_does_not_go_up() {
        let plan = plan(&rule(|_| {}), GIBIBYTE);
        assert_eq!(plan.way, Preparation::CutByRanges);
        assert_eq!(plan.steps.iter().map(|step| step.bytes_up).sum::<u64>(), 0);
        let down: u64 = plan.steps.iter().map(|step| step.bytes_down).sum();
        assert_eq!(down, GIBIBYTE + 2 * WINDOW_BYTES);
        assert!(plan.redshift_splits_it);
        assert!((14.0..25.0).contains(&plan.seconds()), "{}", plan.seconds());
        assert!((0.000_1..0.001).contains(&plan.dollars()), "{}", plan.dollars());
    }

    #[test]
    fn csv_is_counted_and_cut_as_other_text_is() {
        let csv = rule(|row| row.file_format = "csv".to_owned());
        let text = rule(|_| {});
        assert_eq!(plan(&csv, GIBIBYTE).steps, plan(&text, GIBIBYTE).steps);
    }

    #[test]
    fn short_compressed_and_transcoded_files_are_streamed() {
        let short = plan(&rule(|_| {}), MEBIBYTE);
        assert_eq!(
            (short.way, short.redshift_splits_it),
            (Preparation::Streamed, false)
        );
        let gzipped = rule(|row| row.compression = Some("gzip".to_owned()));
        assert_eq!(plan(&gzipped, GIBIBYTE).way, Preparation::Streamed);
        let latin = rule(|row| row.encoding = Some("ISO88591".to_owned()));
        assert_eq!(plan(&latin, GIBIBYTE).way, Preparation::Streamed);
    }

    #[test]
    fn what_needs_no_change_is_checked_or_left_where_it_lies() {
        let plain = rule(|row| {
            row.trailer_flag = "N".to_owned();
            row.trailer_tag = None;
        });
        assert_eq!(plan(&plain, GIBIBYTE).way, Preparation::Checked);
        let parquet = rule(|row| {
            row.trailer_flag = "N".to_owned();
            row.trailer_tag = None;
            row.delimiter = None;
            row.file_format = "parquet".to_owned();
        });
        let plan = plan(&parquet, GIBIBYTE);
        assert_eq!(
            (plan.way, plan.seconds(), plan.redshift_splits_it),
            (Preparation::AsItLies, 0.0, true)
        );
        // The sum of nothing has no sign.
        assert_eq!(
            format!("{:.1} {:.6}", plan.seconds(), plan.dollars()),
            "0.0 0.000000"
        );
    }

    #[test]
    fn an_unpacked_copy_is_longer_than_what_came() {
        let gzipped = plan(&rule(|row| row.compression = Some("gzip".to_owned())), GIBIBYTE);
        let up: u64 = gzipped.steps.iter().map(|step| step.bytes_up).sum();
        assert_eq!(up, GIBIBYTE, "a packed one is as long");
        let unpacked = rule(|row| {
            row.compression = Some("gzip".to_owned());
            row.prepared_compression = Some("none".to_owned());
        });
        let unpacked = plan(&unpacked, GIBIBYTE);
        let up: u64 = unpacked.steps.iter().map(|step| step.bytes_up).sum();
        assert_eq!(up, 4 * GIBIBYTE);
        let longest = unpacked.steps.iter().map(|step| step.seconds).fold(0.0, f64::max);
        assert_eq!(unpacked.seconds(), longest, "side by side");
        assert_eq!(
            (unpacked.parts, gzipped.parts),
            (1, 16),
            "Redshift splits plain text itself"
        );
    }

    #[test]
    fn what_is_counted_goes_on_in_the_next_invocation_and_what_streams_does_not() {
        let of = |size| plan(&rule(|_| {}), size).invocations();
        assert_eq!(of(GIBIBYTE), InvocationsNeeded::One);
        assert_eq!(of(100 * GIBIBYTE), InvocationsNeeded::Several);
        let gzipped = plan(
            &rule(|row| row.compression = Some("gzip".to_owned())),
            100 * GIBIBYTE,
        );
        assert_eq!(gzipped.invocations(), InvocationsNeeded::TooLong);
    }

    #[test]
    fn memory_does_not_grow_with_the_file() {
        let at = |bytes| plan(&rule(|_| {}), bytes).memory_bytes;
        assert_eq!(at(100 * MEBIBYTE), at(5 * 1024 * GIBIBYTE));
    }
}
