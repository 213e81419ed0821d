//! Which rows the warehouse refused, with the lines they stand on.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_copy::row_errors;
use longshore_domain::object::{Object, ObjectKey, parse_s3_url};
use longshore_domain::rule::FileRule;
use longshore_preprocess::{LineFinder, LineSearch};
use longshore_store::{Load, RowError};
use tracing::warn;

use super::FinishStatement;
use crate::AppError;
use crate::error::chain;
use crate::plan::LoadPlan;
use crate::prepare::coding_of_source;

/// How long a look at the load views may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);
/// Row errors kept for a load.
const MOST_ROW_ERRORS: u32 = 100;
/// Lines fetched from the file: each costs a read up to it.
const MOST_LINES: usize = 5;

impl FinishStatement<'_> {
    /// Keeps the row errors of a COPY on the ledger. Gives the first one in words, without the row's contents.
    pub(super) async fn collect_row_errors(
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
        let mut errors: Vec<RowError> = rows.iter().map(|row| row_error(row)).collect();
        self.fetch_lines(load, &mut errors).await?;
        self.app.store.add_row_errors(load.id, &errors).await?;
        Ok(errors.first().map(in_words))
    }

    /// The views keep no raw line. That a line cannot be fetched must not keep the failure from being reported.
    async fn fetch_lines(&self, load: &Load, errors: &mut [RowError]) -> Result<(), AppError> {
        let Some(rule) = self.rule_of(load).await? else {
            return Ok(());
        };
        if !rule.is_record_oriented() {
            return Ok(());
        }
        let mut fetched: BTreeMap<u64, Option<String>> = BTreeMap::new();
        for error in errors.iter_mut() {
            let number = error.line_number;
            if number == 0 {
                continue;
            }
            if !fetched.contains_key(&number) && fetched.len() < MOST_LINES {
                fetched.insert(number, self.fetch_line(load, &rule, number).await);
            }
            error.raw_line = fetched.get(&number).cloned().flatten();
        }
        Ok(())
    }

    async fn rule_of(&self, load: &Load) -> Result<Option<FileRule>, AppError> {
        let Some(id) = load.rule else { return Ok(None) };
        let row = self.app.store.rule(id).await?;
        Ok(row.and_then(|row| FileRule::from_row(&row).ok()))
    }

    async fn fetch_line(&self, load: &Load, rule: &FileRule, number: u64) -> Option<String> {
        let source = load.sources.first()?;
        match self.find_line(load, rule, &source.key, number).await {
            Ok(line) => line,
            Err(error) => {
                warn!(
                    "could not fetch line {number} of {}: {}",
                    source.key,
                    chain(&error)
                );
                None
            }
        }
    }

    async fn find_line(
        &self,
        load: &Load,
        rule: &FileRule,
        key: &ObjectKey,
        number: u64,
    ) -> Result<Option<String>, AppError> {
        let Some(head) = self.app.objects.head(&load.object.bucket, key).await? else {
            return Ok(None);
        };
        let object = Object {
            bucket: load.object.bucket.clone(),
            key: key.clone(),
            version: head.version,
            etag: head.etag,
            size_bytes: head.size_bytes,
            sequencer: None,
        };
        let (compression, encoding) = coding_of_source(rule, key, load.prepared);
        let mut finder = LineFinder::new(compression, encoding, number);
        let mut body = self.app.objects.open(&object).await?;
        while let Some(chunk) = body.chunks.next().await {
            let search = finder
                .push(&chunk?)
                .map_err(|error| AppError::Engine(error.into()))?;
            if let LineSearch::Found(text) = search {
                return Ok(Some(text));
            }
        }
        Ok(finder.finish())
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
