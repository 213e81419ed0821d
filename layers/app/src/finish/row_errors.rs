//! Which rows the warehouse refused, with the lines they stand on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use longshore_copy::row_errors;
use longshore_domain::object::{Bucket, Object, ObjectKey, parse_s3_url};
use longshore_domain::rule::FileRule;
use longshore_preprocess::{Compression, Encoding, LineFinder, LineSearch};
use longshore_store::{Load, RowError, Statement};
use tracing::warn;

use super::FinishStatement;
use crate::AppError;
use crate::error::with_causes;
use crate::plan::LoadPlan;
use crate::prepare::coding_of_source;

/// How long a look at the load views may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);
/// Row errors kept for a load.
const MOST_ROW_ERRORS: u32 = 100;
/// Lines fetched from the files.
const MOST_LINES: usize = 5;
/// Characters of a file's name that the view keeps.
const LONGEST_NAME: usize = 256;

/// A file that COPY read.
struct CopiedFile {
    /// The load that it belongs to: of a batch, that of the file itself.
    load: Load,
    bucket: Bucket,
    key: ObjectKey,
    /// Whether it is what the load prepared or took as it is, and not one of those that its manifest lists.
    is_source: bool,
    /// Whether it lacks blank lines that the file has.
    lacks_blank_lines: bool,
}

impl CopiedFile {
    /// People know what landed, and not where COPY read it. Of a part of that, lines are counted by themselves, which is said.
    fn name(&self) -> String {
        if !self.is_source {
            return self.key.to_string();
        }
        let landed = &self.load.object.key;
        match self.part() {
            None => landed.to_string(),
            Some(part) => format!("{landed} ({part})"),
        }
    }

    /// Which of the file's lines COPY read here, if not all of them.
    fn part(&self) -> Option<String> {
        if let Some(record_type) = &self.load.record_type {
            return Some(format!("its records of type {record_type} alone"));
        }
        let sources = &self.load.sources;
        let place = sources.iter().position(|source| source.key == self.key)?;
        let blank = match self.lacks_blank_lines {
            true => "its lines that are not blank",
            false => "",
        };
        match (sources.len(), blank) {
            (1, "") => None,
            (1, blank) => Some(blank.to_owned()),
            (parts, _) => Some(format!("part {} of {parts} of its copy", place + 1)),
        }
    }
}

impl FinishStatement<'_> {
    /// Keeps the row errors of a COPY on the ledger, with the lines they stand on. Gives the first one in words, without
    /// the row's contents. The outcome is on record by now: a diagnosis that fails is logged and keeps nobody waiting.
    pub(super) async fn collect_row_errors(
        &self,
        load: &Load,
        plan: &LoadPlan,
        statement: Option<&Statement>,
    ) -> Option<String> {
        let query_id = statement?.query_id?;
        match self.row_errors(load, plan, query_id).await {
            Ok(first) => first,
            Err(error) => {
                warn!(
                    "could not learn which rows of {} were refused: {}",
                    load.object.key,
                    with_causes(&error)
                );
                None
            }
        }
    }

    async fn row_errors(
        &self,
        load: &Load,
        plan: &LoadPlan,
        query_id: i64,
    ) -> Result<Option<String>, AppError> {
        let sql = row_errors::query(query_id, MOST_ROW_ERRORS);
        let rows = self
            .app
            .warehouse
            .run(&plan.warehouse, &sql, LOOK_PATIENCE)
            .await?;
        let mut by_file: BTreeMap<String, Vec<RowError>> = BTreeMap::new();
        for error in rows.iter().map(|row| row_error(row)) {
            by_file.entry(error.file_name.clone()).or_default().push(error);
        }
        let copied = self.loads_copied(load).await?;
        let (mut first, mut lines_left) = (None, MOST_LINES);
        for (url, errors) in by_file {
            let file = file_of(&copied, &url).map(|file| CopiedFile {
                lacks_blank_lines: plan.blank_lines > 0,
                ..file
            });
            let is_one_of_several = copied.len() > 1
                || file
                    .as_ref()
                    .is_some_and(|file| !file.is_source || file.part().is_some());
            let errors = self.keep(load, file.as_ref(), errors, &mut lines_left).await?;
            first = first.or_else(|| errors.first().map(|error| in_words(is_one_of_several, error)));
        }
        Ok(first)
    }

    /// Keeps the errors of a file, with its name and the lines they stand on, for the load that COPY ran for and, of a batch, for
    /// the file's own.
    async fn keep(
        &self,
        load: &Load,
        file: Option<&CopiedFile>,
        mut errors: Vec<RowError>,
        lines_left: &mut usize,
    ) -> Result<Vec<RowError>, AppError> {
        if let Some(file) = file {
            self.add_lines(file, &mut errors, lines_left).await;
            for error in &mut errors {
                error.file_name = file.name();
            }
            if file.load.id != load.id {
                self.app.store.add_row_errors(file.load.id, &errors).await?;
            }
        }
        self.app.store.add_row_errors(load.id, &errors).await?;
        Ok(errors)
    }

    /// The loads whose files a COPY read: those that a batch carries, or the load itself.
    async fn loads_copied(&self, load: &Load) -> Result<Vec<Load>, AppError> {
        if !load.is_batch() {
            return Ok(vec![load.clone()]);
        }
        let mut loads = Vec::new();
        for id in self.app.store.carried(load.id).await? {
            loads.push(self.reload(id).await?);
        }
        Ok(loads)
    }

    /// Gives errors of a file the lines they stand on, as far as they can be read: the views keep no raw line.
    async fn add_lines(&self, file: &CopiedFile, errors: &mut [RowError], lines_left: &mut usize) {
        let wanted: BTreeSet<u64> = errors
            .iter()
            .map(|error| error.line_number)
            .filter(|line| *line > 0)
            .take(*lines_left)
            .collect();
        *lines_left -= wanted.len();
        let lines = match self.fetch_lines(file, wanted).await {
            Ok(lines) => lines,
            Err(error) => {
                warn!("could not fetch lines of {}: {}", file.key, with_causes(&error));
                return;
            }
        };
        for error in errors {
            error.raw_line = lines.get(&error.line_number).cloned();
        }
    }

    /// Reads a file that COPY read, once, up to the last line that is wanted or until half of the time that is left is gone.
    async fn fetch_lines(
        &self,
        file: &CopiedFile,
        wanted: BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, String>, AppError> {
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let Some((object, compression, encoding)) = self.what_copy_read(file).await? else {
            return Ok(BTreeMap::new());
        };
        let mut finder = LineFinder::new(compression, encoding, wanted);
        let now = self.app.clock.now();
        let stops_at = now + (self.invocation.deadline - now) / 2;
        let mut body = self.app.objects.open(&object).await?;
        while let Some(chunk) = body.chunks.next().await {
            let search = finder
                .push(&chunk?)
                .map_err(|error| AppError::Engine(error.into()))?;
            if search == LineSearch::Done || self.app.clock.now() > stops_at {
                return Ok(finder.found());
            }
        }
        Ok(finder.finish())
    }

    /// The object that COPY read, and how it is coded; `None` when it is gone or its records are not lines.
    async fn what_copy_read(
        &self,
        file: &CopiedFile,
    ) -> Result<Option<(Object, Compression, Encoding)>, AppError> {
        let row = match file.load.rule {
            Some(rule) => self.app.store.rule(rule).await?,
            None => None,
        };
        let Some(rule) = row
            .and_then(|row| FileRule::from_row(&row).ok())
            .filter(FileRule::is_record_oriented)
        else {
            return Ok(None);
        };
        let Some(head) = self.app.objects.head(&file.bucket, &file.key).await? else {
            return Ok(None);
        };
        let (compression, encoding) =
            coding_of_source(&rule, &file.key, file.is_source && file.load.prepared);
        let object = Object {
            bucket: file.bucket.clone(),
            key: file.key.clone(),
            version: head.version,
            etag: head.etag,
            size_bytes: head.size_bytes,
            sequencer: None,
        };
        Ok(Some((object, compression, encoding)))
    }
}

/// The file that the view names. One that is no source of any load is named by a manifest that is: it can only be told whose
/// that is where there is one load.
fn file_of(copied: &[Load], url: &str) -> Option<CopiedFile> {
    let (bucket, key) = parse_s3_url(url)?;
    let is_meant = |bucket: &Bucket, key: &ObjectKey| {
        let whole = format!("s3://{bucket}/{key}");
        whole == url || (url.chars().count() >= LONGEST_NAME && whole.starts_with(url))
    };
    for load in copied {
        let bucket = &load.object.bucket;
        if let Some(source) = load.sources.iter().find(|source| is_meant(bucket, &source.key)) {
            return Some(CopiedFile {
                load: load.clone(),
                bucket: bucket.clone(),
                key: source.key.clone(),
                is_source: true,
                lacks_blank_lines: false,
            });
        }
    }
    let [load] = copied else { return None };
    Some(CopiedFile {
        load: load.clone(),
        bucket,
        key,
        is_source: false,
        lacks_blank_lines: false,
    })
}

/// Its file is named as the view has it.
fn row_error(row: &[Option<String>]) -> RowError {
    let field = |name: &str| {
        let index = row_errors::COLUMNS.iter().position(|column| *column == name)?;
        row.get(index)?.as_deref().map(|text| text.trim().to_owned())
    };
    RowError {
        file_name: field("file_name").unwrap_or_default(),
        // -1 where the warehouse split the file and lost count.
        line_number: field("line_number")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
        column_name: field("column_name").unwrap_or_default(),
        column_type: field("column_type"),
        error_code: field("error_code").and_then(|text| text.parse().ok()),
        error_message: field("error_message").unwrap_or_default(),
        raw_line: None,
    }
}

/// Its file is named where COPY read several.
fn in_words(is_one_of_several: bool, error: &RowError) -> String {
    let file = match is_one_of_several {
        true => format!("{}, ", error.file_name),
        false => String::new(),
    };
    let line = match error.line_number {
        0 => "a line".to_owned(),
        number => format!("line {number}"),
    };
    let column = match error.column_name.as_str() {
        "" => String::new(),
        name => format!(", column {name}"),
    };
    format!("{file}{line}{column}: {}", error.error_message)
}
