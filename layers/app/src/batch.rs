//! Batches: what waits in a buffer goes through one transaction.
//!
//! A file joins the buffer of its recipe once it is prepared and its rule found to make a transaction. A batch is made of what
//! waits there: a load that carries the loads of its files, with a plan, attempts and an outcome like any other.

use std::time::Duration;

use longshore_copy::{CarriedLoad, ManifestEntry};
use longshore_domain::archive::manifest_key;
use longshore_domain::load::LoadId;
use longshore_domain::matching::{Captures, placeholders};
use longshore_domain::object::s3_url;
use longshore_domain::rule::{
    BatchPolicy, Compression, Concurrency, Encoding, FileRule, HeaderPolicy, RuleColumn, RuleRow,
};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::{
    Buffer, BufferId, BufferLimits, Joining, Leaving, Load, LoadFailure, MadeBatch, NewBatch, Source,
    Superseded, Waiting, batch_id,
};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::error::with_causes;
use crate::finish::OBJECT_GONE;
use crate::plan::{LoadPlan, Planned, ToLoad, plan_transaction, warehouse_of};
use crate::prepare::Copyable;
use crate::{App, AppError, group, superseded, trace};

/// How the files of a buffer are loaded: their rule as it was when they came, and where they go. Files of equal recipes may go
/// through one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// The rule.
    pub(crate) rule: RuleRow,
    /// How the files are compressed that COPY reads: prepared ones may differ from what the rule says.
    pub(crate) compression: Compression,
    /// How their characters are coded.
    pub(crate) encoding: Encoding,
    /// What their first record is.
    pub(crate) header: HeaderPolicy,
    /// The columns in the order of the fields.
    pub(crate) columns: Vec<RuleColumn>,
    /// Where the rows go.
    pub(crate) table: TableName,
    /// The warehouse of that table.
    pub(crate) warehouse: Warehouse,
    /// What their keys gave for the placeholders of the rule's SQL and period.
    #[serde(default)]
    pub(crate) captures: Captures,
}

impl Recipe {
    pub(crate) fn of(
        app: &App,
        row: &RuleRow,
        copyable: &Copyable,
        table: &TableName,
        captures: &Captures,
    ) -> Self {
        Self {
            rule: row.clone(),
            compression: copyable.rule.compression,
            encoding: copyable.rule.encoding,
            header: copyable.rule.header,
            columns: copyable.columns.clone(),
            table: table.clone(),
            warehouse: warehouse_of(app, &copyable.rule),
            captures: captures_in_sql(row, captures),
        }
    }

    /// The rule as it applies to what COPY reads.
    pub(crate) fn rule(&self) -> Result<FileRule, String> {
        let rule = FileRule::from_row(&self.rule).map_err(|faults| faults.to_string())?;
        Ok(FileRule {
            compression: self.compression,
            encoding: self.encoding,
            header: self.header,
            trailer: None,
            split: None,
            ..rule
        })
    }
}

/// Of what a key gave, what decides the transaction: files that differ in it cannot share one.
fn captures_in_sql(row: &RuleRow, captures: &Captures) -> Captures {
    let texts = [&row.period_value, &row.period_end, &row.pre_sql, &row.post_sql];
    let names: Vec<String> = texts
        .into_iter()
        .flatten()
        .filter_map(|text| placeholders(text).ok())
        .flatten()
        .collect();
    let is_named = |name: &String| names.contains(name);
    let named = captures.iter().filter(|(name, _)| is_named(name));
    named.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What a prepared file brings into the buffer of its recipe.
pub(crate) fn joining(
    app: &App,
    load: &Load,
    row: &RuleRow,
    copyable: &Copyable,
    policy: &BatchPolicy,
    duration: Duration,
) -> Result<Joining, AppError> {
    let table = load.table.as_ref().ok_or_else(|| AppError::Inconsistent {
        load: load.id,
        what: "it is to be batched and has no table".to_owned(),
    })?;
    let recipe = Recipe::of(app, row, copyable, table, &load.captures);
    let warehouse = recipe.warehouse.to_string();
    let recipe = serde_json::to_value(recipe).map_err(|error| AppError::Engine(error.into()))?;
    Ok(Joining {
        buffer: BufferId::of(&load.object.bucket, &recipe),
        recipe,
        warehouse,
        limits: BufferLimits {
            max_files: policy.max_files,
            max_bytes: policy.max_bytes,
            max_age: policy.max_age,
            one_at_a_time: policy.concurrency == Concurrency::One,
        },
        order: policy.order.clone(),
        rows_expected: copyable.records,
        sources: copyable.sources(),
        prepared: copyable.is_prepared_copy,
        remarks: copyable.remarks().collect(),
        duration,
    })
}

/// What came of setting out to make a batch.
pub(crate) enum Making {
    /// It is on the ledger, to be loaded or to fail, and nobody works on it yet.
    Made(LoadId),
    /// A load left its set or its buffer, skipped: it is to be concluded, and what waits there to be looked at again.
    Left(LoadId),
    /// Somebody else took some of the loads first: whether there is still a batch to be made is to be asked again.
    Overtaken,
    /// Nothing is due, or the table is busy.
    Nothing,
}

/// Makes one batch of what waits first in a buffer, if it is due. The manifest is written before the batch is on the ledger,
/// under a key that is made of the loads in it: whoever writes it for the same loads writes the same, and one that came to
/// nothing is overwritten or harmless.
pub(crate) async fn make(app: &App, buffer: BufferId, actor: &str) -> Result<Making, AppError> {
    let Some(buffer) = app.store.buffer(buffer).await? else {
        return Ok(Making::Nothing);
    };
    let waiting = app
        .store
        .waiting_if_due(buffer.id, buffer.limits.max_files, app.clock.now())
        .await?;
    let chosen = choose(&waiting, &buffer.limits);
    if chosen.is_empty() {
        return Ok(Making::Nothing);
    }
    let loads = loads_of(chosen);
    let batch = match superseded::first_of(app, buffer.id, &loads).await? {
        Some(superseded) => match superseded::successor_of(app, superseded.load).await? {
            Some(by) => return leave_replaced(app, &buffer, superseded.load, by, actor).await,
            None => batch_of_the_gone(app, &buffer, chosen, &superseded)?,
        },
        None => plan_batch(app, &buffer, chosen).await?,
    };
    match app.store.make_batch(&batch, app.clock.now(), actor).await? {
        MadeBatch::Made(load) => {
            if let Some(failure) = &batch.failure {
                warn!(
                    parent: &trace::span_of(&load, actor),
                    "{} files for {} failed: {}",
                    batch.loads.len(),
                    buffer.table,
                    failure.error
                );
                return Ok(Making::Made(load.id));
            }
            info!(
                parent: &trace::span_of(&load, actor),
                files = batch.loads.len(),
                bytes = batch.size_bytes,
                "made batch {} for {}",
                load.id,
                buffer.table
            );
            Ok(Making::Made(load.id))
        }
        MadeBatch::Overtaken => Ok(Making::Overtaken),
        MadeBatch::Waits { until_done } => {
            info!(
                "{} files wait for {} until batch {until_done} is done",
                buffer.files, buffer.table
            );
            Ok(Making::Nothing)
        }
    }
}

/// As many of the first ones as may go together: the limits of the rule, and of what each was found to be fit for.
fn choose<'a>(waiting: &'a [Waiting], limits: &BufferLimits) -> &'a [Waiting] {
    let mut most = limits.max_files as usize;
    let mut bytes = 0;
    let mut chosen = 0;
    for load in waiting {
        most = most.min(load.share.map_or(most, |share| share as usize));
        let is_full = limits.max_bytes.is_some_and(|max_bytes| bytes >= max_bytes);
        if chosen >= most || is_full {
            break;
        }
        bytes += load.size_bytes;
        chosen += 1;
    }
    &waiting[..chosen]
}

/// Plans the batch of these loads and writes its manifest. Of what no transaction can be made, since its chain is gone or an older
/// program wrote its recipe, it is a batch that fails: its files would wait for ever, and nobody be told.
async fn plan_batch(app: &App, buffer: &Buffer, chosen: &[Waiting]) -> Result<NewBatch, AppError> {
    let id = batch_id(&loads_of(chosen));
    let (plan, failure) = match transaction_of(app, buffer, chosen, id).await? {
        Ok(planned) => {
            app.objects
                .put(&buffer.bucket, &planned.manifest_key, planned.manifest.into())
                .await?;
            (planned.plan, None)
        }
        Err(problem) => (
            LoadPlan::of_nothing(warehouse_known(app, buffer), buffer.table.clone()),
            Some(unfit(id, buffer, &problem)),
        ),
    };
    new_batch(app, buffer, chosen, &plan, failure)
}

/// Lets a file leave its buffer in whose place a later one lies: that is loaded by a load of its own.
async fn leave_replaced(
    app: &App,
    buffer: &Buffer,
    load: LoadId,
    by: LoadId,
    actor: &str,
) -> Result<Making, AppError> {
    let note = superseded::replaced_by(by);
    let leaving = Leaving::Replaced {
        note: &note,
        by: Some(by),
    };
    group::leave(app, buffer.id, load, leaving, actor).await
}

/// The batch by which one file fails by itself: its bytes are there no more, and those of the other one there are not to be loaded
/// twice. Which of the two is the later is not known, or this one is.
fn batch_of_the_gone(
    app: &App,
    buffer: &Buffer,
    chosen: &[Waiting],
    superseded: &Superseded,
) -> Result<NewBatch, AppError> {
    let alone = chosen.iter().filter(|waiting| waiting.load == superseded.load);
    let alone: Vec<_> = alone.cloned().collect();
    let url = s3_url(&superseded.bucket, &superseded.key);
    let failure = LoadFailure {
        code: OBJECT_GONE.to_owned(),
        error: format!(
            "{url} was replaced after it was checked and before it was loaded; load {} is of another content there. Send it again, under \
             another key, if its rows are wanted too",
            superseded.by
        ),
        rows_rejected: None,
    };
    let plan = LoadPlan::of_nothing(warehouse_known(app, buffer), buffer.table.clone());
    new_batch(app, buffer, &alone, &plan, Some(failure))
}

fn loads_of(chosen: &[Waiting]) -> Vec<LoadId> {
    chosen.iter().map(|waiting| waiting.load).collect()
}

fn new_batch(
    app: &App,
    buffer: &Buffer,
    chosen: &[Waiting],
    plan: &LoadPlan,
    failure: Option<LoadFailure>,
) -> Result<NewBatch, AppError> {
    let loads = loads_of(chosen);
    let id = batch_id(&loads);
    Ok(NewBatch {
        id,
        buffer: buffer.id,
        size_bytes: chosen.iter().map(|waiting| waiting.size_bytes).sum(),
        rows_expected: rows_expected(chosen),
        manifest_key: manifest_key(&app.config.processing_folder, id),
        plan: serde_json::to_value(plan).map_err(|error| AppError::Engine(error.into()))?,
        failure,
        loads,
    })
}

fn rows_expected(chosen: &[Waiting]) -> Option<u64> {
    chosen.iter().map(|waiting| waiting.rows_expected).sum()
}

/// What is told of files that cannot be loaded as their rule said when they came.
fn unfit(batch: LoadId, buffer: &Buffer, problem: &str) -> LoadFailure {
    let rule = buffer.rule;
    LoadFailure {
        code: "batch_invalid".to_owned(),
        error: format!(
            "no batch can be made of it: {problem}; mend rule {rule}, or what it names, then load its files again: longshore batch reprocess {batch} --why TEXT"
        ),
        rows_rejected: None,
    }
}

/// The warehouse of a buffer, also where the rest of its recipe does not read.
fn warehouse_known(app: &App, buffer: &Buffer) -> Warehouse {
    let warehouse = buffer.recipe.get("warehouse").cloned();
    let warehouse = warehouse.and_then(|warehouse| serde_json::from_value(warehouse).ok());
    warehouse.unwrap_or_else(|| app.config.warehouse.clone())
}

async fn transaction_of(
    app: &App,
    buffer: &Buffer,
    chosen: &[Waiting],
    id: LoadId,
) -> Result<Result<Planned, String>, AppError> {
    let recipe: Recipe = match serde_json::from_value(buffer.recipe.clone()) {
        Ok(recipe) => recipe,
        Err(error) => return Ok(Err(format!("what was kept of its rule does not read: {error}"))),
    };
    let rule = match recipe.rule() {
        Ok(rule) => rule,
        Err(problem) => return Ok(Err(problem)),
    };
    let carried: Vec<_> = chosen
        .iter()
        .map(|waiting| CarriedLoad {
            load: waiting.load,
            object_url: &waiting.object_url,
            rows: waiting.rows_expected,
        })
        .collect();
    let manifest_url = s3_url(&buffer.bucket, &manifest_key(&app.config.processing_folder, id));
    let planned = plan_transaction(
        app,
        ToLoad {
            load: id,
            bucket: &buffer.bucket,
            object_url: &manifest_url,
            file_name: "",
            table: &recipe.table,
            warehouse: &recipe.warehouse,
            rule: &rule,
            columns: &recipe.columns,
            sources: sources(buffer, chosen),
            rows_expected: rows_expected(chosen),
            captures: &recipe.captures,
            carried: &carried,
            replaces: &[],
        },
    )
    .await?;
    Ok(planned.map_err(|reason| with_causes(&reason)))
}

fn sources(buffer: &Buffer, chosen: &[Waiting]) -> Vec<ManifestEntry> {
    let entry = |source: &Source| ManifestEntry {
        url: s3_url(&buffer.bucket, &source.key),
        content_length: source.size_bytes,
    };
    let sources = chosen.iter().flat_map(|waiting| &waiting.sources);
    sources.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(size_bytes: u64, share: Option<u32>) -> Waiting {
        Waiting {
            load: LoadId::from_uuid(uuid::Uuid::from_u128(size_bytes.into())),
            object_url: String::new(),
            size_bytes,
            sources: vec![],
            rows_expected: None,
            share,
        }
    }

    fn limits(max_files: u32, max_bytes: Option<u64>) -> BufferLimits {
        BufferLimits {
            max_files,
            max_bytes,
            max_age: Duration::ZERO,
            one_at_a_time: false,
        }
    }

    #[test]
    fn a_batch_has_as_many_files_as_it_may() {
        let five = [1; 5].map(|bytes| waiting(bytes, None));
        assert_eq!(choose(&five, &limits(3, None)).len(), 3);
        assert_eq!(choose(&five, &limits(9, None)).len(), 5);
        assert!(choose(&[], &limits(9, None)).is_empty());
    }

    #[test]
    fn it_is_full_with_the_file_that_reaches_its_bytes() {
        let files = [4, 4, 4].map(|bytes| waiting(bytes, None));
        assert_eq!(choose(&files, &limits(9, Some(8))).len(), 2);
        assert_eq!(choose(&files, &limits(9, Some(9))).len(), 3);
        assert_eq!(choose(&files, &limits(9, Some(1))).len(), 1);
    }

    #[test]
    fn a_file_that_spoilt_a_batch_is_not_put_with_as_many_again() {
        let all = [Some(2), Some(2), Some(2), None].map(|share| waiting(1, share));
        assert_eq!(choose(&all, &limits(9, None)).len(), 2);
        let late = [None, None, Some(1), None].map(|share| waiting(1, share));
        assert_eq!(
            choose(&late, &limits(9, None)).len(),
            2,
            "the suspect goes alone, next"
        );
        assert_eq!(choose(&late[2..], &limits(9, None)).len(), 1);
    }
}
