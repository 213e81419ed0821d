//! How the files of a rule are gathered into batches.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cells::optional_flag;
use super::fault::Collector;
use super::{RuleFault, RuleRow};

/// More files than this are not put into one transaction: what it writes of each of them must fit into its statements.
pub const MOST_BATCH_FILES: u32 = 1_000;
/// How old the first file of a batch may become where the rule does not say: no file waits for ever for others.
const USUAL_AGE: Duration = Duration::from_secs(3_600);
/// A day.
const MOST_SECONDS: u32 = 86_400;

/// When files that wait for each other are loaded, and which of them together. Whichever limit is reached first counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPolicy {
    /// As soon as there are so many; never more in one batch.
    pub max_files: u32,
    /// As soon as they have so many bytes.
    pub max_bytes: Option<u64>,
    /// As soon as the first of them has waited so long.
    pub max_age: Duration,
    /// Whether batches of one table may be under way side by side.
    pub concurrency: Concurrency,
    /// What the key calls the value that files are loaded in order of; the order of their arrival where it is `None`.
    pub order: Option<String>,
    /// What is done with a batch that the warehouse refuses for what is in its files.
    pub on_bad_file: OnBadFile,
}

/// How many batches of one table may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// Any number.
    Many,
    /// One, from its transaction to the end of its follow-up. What arrives meanwhile goes together into the next.
    One,
}

/// What is done with a batch that the warehouse refuses for what is in its files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadFile {
    /// It is divided until the bad file fails alone and all others are loaded.
    #[default]
    Divide,
    /// All of its files fail.
    FailAll,
}

/// Reads the columns of batches; `None` when none of them is set.
pub(super) fn batch(row: &RuleRow, faults: &mut Collector) -> Option<BatchPolicy> {
    let concurrency = faults.keep(concurrency(row)).flatten();
    let on_bad_file = faults.keep(on_bad_file(row));
    let max_files = faults
        .keep(limit(
            "batch_files",
            row.batch_files.map(i64::from),
            MOST_BATCH_FILES.into(),
        ))
        .flatten();
    let max_bytes = faults
        .keep(limit("batch_bytes", row.batch_bytes, i64::MAX as u64))
        .flatten();
    let max_seconds = faults
        .keep(limit(
            "batch_seconds",
            row.batch_seconds.map(i64::from),
            MOST_SECONDS.into(),
        ))
        .flatten();
    let order = row
        .batch_order
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let has_limit = max_files.is_some() || max_bytes.is_some() || max_seconds.is_some();
    if !has_limit && concurrency.is_none() {
        refuse_details_alone(row, faults);
        return None;
    }
    let usual_age = if has_limit { USUAL_AGE } else { Duration::ZERO };
    Some(BatchPolicy {
        max_files: max_files
            .and_then(|files| u32::try_from(files).ok())
            .unwrap_or(MOST_BATCH_FILES),
        max_bytes,
        max_age: max_seconds.map_or(usual_age, Duration::from_secs),
        concurrency: concurrency.unwrap_or(Concurrency::Many),
        order: order.map(str::to_owned),
        on_bad_file: on_bad_file.unwrap_or(OnBadFile::Divide),
    })
}

/// What only says something about batches, of a rule that makes none.
fn refuse_details_alone(row: &RuleRow, faults: &mut Collector) {
    let details = [
        ("batch_order", &row.batch_order),
        ("batch_divide_flag", &row.batch_divide_flag),
    ];
    for (column, _) in details.into_iter().filter(|(_, text)| text.is_some()) {
        faults.add(
            column,
            "is set, and the rule has no batches; write how many files, bytes or seconds one may hold (batch_files, \
             batch_bytes, batch_seconds), or batch_concurrency one",
        );
    }
}

fn limit(column: &str, value: Option<i64>, most: u64) -> Result<Option<u64>, RuleFault> {
    let Some(value) = value else { return Ok(None) };
    match u64::try_from(value) {
        Ok(limit) if (1..=most).contains(&limit) => Ok(Some(limit)),
        _ if most == i64::MAX as u64 => Err(RuleFault::new(column, format!("{value} is not 1 or more"))),
        _ => Err(RuleFault::new(
            column,
            format!("{value} is not between 1 and {most}"),
        )),
    }
}

fn concurrency(row: &RuleRow) -> Result<Option<Concurrency>, RuleFault> {
    match row.batch_concurrency.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some("one") => Ok(Some(Concurrency::One)),
        Some("many") => Ok(Some(Concurrency::Many)),
        Some(other) => Err(RuleFault::new(
            "batch_concurrency",
            format!("{other:?} is neither one nor many"),
        )),
    }
}

fn on_bad_file(row: &RuleRow) -> Result<OnBadFile, RuleFault> {
    let divides = optional_flag("batch_divide_flag", &row.batch_divide_flag)?;
    Ok(match divides.unwrap_or(true) {
        true => OnBadFile::Divide,
        false => OnBadFile::FailAll,
    })
}
