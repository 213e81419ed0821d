//! Which rows the warehouse refused, with the lines they stand on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use longshore_copy::row_errors;
use longshore_domain::object::{Object, parse_s3_url};
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
/// Lines fetched from the file.
const MOST_LINES: usize = 5;

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
            Ok(errors) => errors.first().map(in_words),
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
    ) -> Result<Vec<RowError>, AppError> {
        let sql = row_errors::query(query_id, MOST_ROW_ERRORS);
        let rows = self
            .app
            .warehouse
            .run(&plan.warehouse, &sql, LOOK_PATIENCE)
            .await?;
        let mut errors: Vec<RowError> = rows.iter().map(|row| row_error(row)).collect();
        // The views keep no raw line.
        let wanted = errors
            .iter()
            .map(|error| error.line_number)
            .filter(|line| *line > 0)
            .collect();
        let lines = match self.fetch_lines(load, wanted).await {
            Ok(lines) => lines,
            Err(error) => {
                warn!(
                    "could not fetch lines of {}: {}",
                    load.object.key,
                    with_causes(&error)
                );
                BTreeMap::new()
            }
        };
        for error in &mut errors {
            error.raw_line = lines.get(&error.line_number).cloned();
        }
        self.app.store.add_row_errors(load.id, &errors).await?;
        Ok(errors)
    }

    /// Reads what COPY read, once, up to the last line that is wanted or until half of the time that is left is gone.
    async fn fetch_lines(
        &self,
        load: &Load,
        wanted: BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, String>, AppError> {
        let mut lines = BTreeMap::new();
        let Some((object, compression, encoding)) = self.what_copy_read(load).await? else {
            return Ok(lines);
        };
        let mut finders: Vec<_> = wanted
            .into_iter()
            .take(MOST_LINES)
            .map(|number| (number, LineFinder::new(compression, encoding, number)))
            .collect();
        let now = self.app.clock.now();
        let stops_at = now + (self.invocation.deadline - now) / 2;
        let mut body = self.app.objects.open(&object).await?;
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            for (number, finder) in &mut finders {
                if let LineSearch::Found(text) = finder
                    .push(&chunk)
                    .map_err(|error| AppError::Engine(error.into()))?
                {
                    lines.insert(*number, text);
                }
            }
            finders.retain(|(number, _)| !lines.contains_key(number));
            if finders.is_empty() || self.app.clock.now() > stops_at {
                return Ok(lines);
            }
        }
        // The last line of a file may lack its end.
        lines.extend(
            finders
                .into_iter()
                .filter_map(|(number, finder)| Some((number, finder.finish()?))),
        );
        Ok(lines)
    }

    /// The object that COPY read, and how it is coded; `None` when it is gone or its records are not lines.
    async fn what_copy_read(&self, load: &Load) -> Result<Option<(Object, Compression, Encoding)>, AppError> {
        let Some(source) = load.sources.first() else {
            return Ok(None);
        };
        let row = match load.rule {
            Some(rule) => self.app.store.rule(rule).await?,
            None => None,
        };
        let Some(rule) = row
            .and_then(|row| FileRule::from_row(&row).ok())
            .filter(FileRule::is_record_oriented)
        else {
            return Ok(None);
        };
        let Some(head) = self.app.objects.head(&load.object.bucket, &source.key).await? else {
            return Ok(None);
        };
        let (compression, encoding) = coding_of_source(&rule, &source.key, load.prepared);
        let object = Object {
            bucket: load.object.bucket.clone(),
            key: source.key.clone(),
            version: head.version,
            etag: head.etag,
            size_bytes: head.size_bytes,
            sequencer: None,
        };
        Ok(Some((object, compression, encoding)))
    }
}

fn row_error(row: &[Option<String>]) -> RowError {
    let field = |name: &str| {
        let index = row_errors::COLUMNS.iter().position(|column| *column == name)?;
        row.get(index)?.as_deref().map(|text| text.trim().to_owned())
    };
    let file = field("file_name").unwrap_or_default();
    RowError {
        file_name: parse_s3_url(&file).map_or(file, |(_, key)| key.to_string()),
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

fn in_words(error: &RowError) -> String {
    let line = match error.line_number {
        0 => "a line".to_owned(),
        number => format!("line {number}"),
    };
    let column = match error.column_name.as_str() {
        "" => String::new(),
        name => format!(", column {name}"),
    };
    format!("{line}{column}: {}", error.error_message)
}
