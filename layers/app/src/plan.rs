//! The plan of a load transaction, kept on the ledger so that a retry runs the very same SQL.

use longshore_copy::{
    CarriedLoad, CopySpec, KEY_PLACEHOLDER, LoadRequest, LoadTransaction, Manifest, ManifestEntry,
    TransactionError,
};
use longshore_domain::archive::manifest_key;
use longshore_domain::chain::ChainQuery;
use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::object::{Bucket, Object, ObjectKey, s3_url};
use longshore_domain::reject::RejectReason;
use longshore_domain::retry::RetryPolicy;
use longshore_domain::rule::{FileRule, LoadMode, OnBadFile, RuleColumn, RuleFault, RuleFaults, RuleId};
use longshore_domain::statement::LoadStep;
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::Load;
use serde::{Deserialize, Serialize};

use crate::error::with_causes;
use crate::follow_up::{self, FollowUp, FollowUpFault, PlannedStep};
use crate::ports::Sealed;
use crate::prepare::Copyable;
use crate::{App, AppError};

/// What will be submitted, and where. Holds no secret: COPY is authorised by a role, and the key of encrypted files is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadPlan {
    /// Where it runs.
    pub warehouse: Warehouse,
    /// The table it fills.
    pub table: TableName,
    /// The transformation that runs afterwards, in the rule's words.
    pub follow_up: Option<String>,
    /// Its steps, where it is a chain; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_up_steps: Vec<PlannedStep>,
    /// Whether that may run again after a run that failed in passing.
    #[serde(default)]
    pub follow_up_repeats: bool,
    /// How long it is tried. Plans of older versions have the usual.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Of a batch, what is done when the warehouse refuses it for what is in its files.
    #[serde(default)]
    pub on_bad_file: OnBadFile,
    /// Rows that COPY may refuse without failing; `None` for any number.
    pub max_errors: Option<u64>,
    /// The column that tells its rows from those of other loads, when the target has one.
    #[serde(default)]
    pub load_id_column: Option<String>,
    /// What becomes of the rows that its table has.
    #[serde(default)]
    pub mode: LoadMode,
    /// The secret with the key of its files, where they are encrypted. The COPY has a placeholder for the key.
    #[serde(default)]
    pub encryption_secret: Option<String>,
    /// From how many deleted rows on its table is to be put in order afterwards.
    #[serde(default)]
    pub vacuum_rows: Option<u64>,
    /// Of a set, the files of one rule each. Empty otherwise.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// Of a set, which section each statement belongs to.
    #[serde(default)]
    pub section_of: Vec<Option<usize>>,
    /// Blank lines of the file that the copy lacks which COPY reads: lines of its errors are counted without them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub blank_lines: u64,
    /// What each statement does.
    pub steps: Vec<LoadStep>,
    /// The statements of the transaction.
    pub statements: Vec<String>,
}

/// Files of a set that go through one COPY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    /// Their rule.
    pub rule: RuleId,
    /// Where their rows go.
    pub table: TableName,
    /// Their loads.
    pub loads: Vec<LoadId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl LoadPlan {
    /// The plan of what fails before it is known what would be run: where its rows would have gone.
    pub(crate) fn of_nothing(warehouse: Warehouse, table: TableName) -> Self {
        Self {
            warehouse,
            table,
            follow_up: None,
            follow_up_steps: vec![],
            follow_up_repeats: false,
            retry: RetryPolicy::default(),
            on_bad_file: OnBadFile::FailAll,
            max_errors: Some(0),
            load_id_column: None,
            mode: LoadMode::Append,
            encryption_secret: None,
            vacuum_rows: None,
            sections: vec![],
            section_of: vec![],
            blank_lines: 0,
            steps: vec![],
            statements: vec![],
        }
    }

    /// Reads the plan back from the ledger.
    pub(crate) fn of(load: &Load) -> Result<Self, AppError> {
        let plan = load
            .plan
            .clone()
            .ok_or_else(|| inconsistent(load.id, "it is prepared and has no plan"))?;
        serde_json::from_value(plan)
            .map_err(|error| inconsistent(load.id, &format!("its plan does not read: {error}")))
    }

    /// Reads the plan of an earlier load, if it still reads.
    pub(crate) fn read(plan: Option<&serde_json::Value>) -> Option<Self> {
        serde_json::from_value(plan?.clone()).ok()
    }

    /// The key that is to be put into its COPY.
    pub(crate) fn sealed(&self) -> Option<Sealed> {
        Some(Sealed {
            secret_id: self.encryption_secret.clone()?,
            statement: self.index_of(LoadStep::Copy)?,
            placeholder: KEY_PLACEHOLDER,
        })
    }

    /// What is to be run of the follow-up at a place of it, from 1.
    pub(crate) fn follow_up_at(&self, place: u32) -> Option<FollowUpPart<'_>> {
        if self.follow_up_steps.is_empty() {
            let sql = self.follow_up.as_deref().filter(|_| place == 1)?;
            return Some(FollowUpPart {
                sql,
                repeats: self.follow_up_repeats,
                chain_step: None,
                query: None,
            });
        }
        let index = usize::try_from(place.checked_sub(1)?).ok()?;
        let step = self.follow_up_steps.get(index)?;
        Some(FollowUpPart {
            sql: &step.query.request.sql,
            repeats: step.repeats,
            chain_step: Some(place),
            query: Some(&step.query),
        })
    }

    /// The place of a step in the transaction, from 0.
    pub(crate) fn index_of(&self, step: LoadStep) -> Option<usize> {
        self.steps.iter().position(|candidate| *candidate == step)
    }
}

fn inconsistent(load: LoadId, what: &str) -> AppError {
    AppError::Inconsistent {
        load,
        what: what.to_owned(),
    }
}

/// A statement of a follow-up: all of it, or a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FollowUpPart<'a> {
    /// What is run.
    pub sql: &'a str,
    /// Whether it may run again after a run that failed in passing.
    pub repeats: bool,
    /// Which step of a chain it is, from 1.
    pub chain_step: Option<u32>,
    /// The step's own rules.
    pub query: Option<&'a ChainQuery>,
}

/// A plan and the manifest that its COPY reads.
pub(crate) struct Planned {
    /// The plan.
    pub plan: LoadPlan,
    /// The manifest's key.
    pub manifest_key: ObjectKey,
    /// The manifest's text.
    pub manifest: String,
}

/// What a transaction is to load, and for which load.
pub(crate) struct ToLoad<'a> {
    /// The load: of a file, or of a batch.
    pub load: LoadId,
    /// The bucket of the files and of the manifest.
    pub bucket: &'a Bucket,
    /// `s3://bucket/key` of the file; of a batch, of its manifest.
    pub object_url: &'a str,
    /// The file's name for the column that takes it.
    pub file_name: &'a str,
    /// Where the rows go.
    pub table: &'a TableName,
    /// The warehouse of that table.
    pub warehouse: &'a Warehouse,
    /// The rule as it applies to what COPY reads.
    pub rule: &'a FileRule,
    /// The columns in the order of the fields.
    pub columns: &'a [RuleColumn],
    /// What COPY reads.
    pub sources: Vec<ManifestEntry>,
    /// Records counted in it.
    pub rows_expected: Option<u64>,
    /// What the key gave, for the placeholders of the rule's SQL and period.
    pub captures: &'a Captures,
    /// The loads that a batch carries.
    pub carried: &'a [CarriedLoad<'a>],
    /// The loads whose rows are replaced.
    pub replaces: &'a [LoadId],
}

/// Plans the load of one copyable file into `table`. Options that the warehouse would refuse are refused here.
pub(crate) async fn plan(
    app: &App,
    load: &Load,
    table: &TableName,
    copyable: &Copyable,
    replaces: &[LoadId],
) -> Result<Result<Planned, RejectReason>, AppError> {
    plan_transaction(
        app,
        ToLoad {
            load: load.id,
            bucket: &load.object.bucket,
            object_url: &load.object.url(),
            file_name: &load.file_name,
            table,
            warehouse: &warehouse_of(app, &copyable.rule),
            rule: &copyable.rule,
            columns: &copyable.columns,
            sources: sources_of(copyable),
            rows_expected: copyable.records,
            captures: &load.captures,
            carried: &[],
            replaces,
        },
    )
    .await
}

/// What COPY reads: the file, or those that it lists.
fn sources_of(copyable: &Copyable) -> Vec<ManifestEntry> {
    let files = match copyable.listed.as_slice() {
        [] => std::slice::from_ref(&copyable.source),
        listed => listed,
    };
    entries(files)
}

/// The manifest's lines for files.
pub(crate) fn entries(files: &[Object]) -> Vec<ManifestEntry> {
    let entry = |file: &Object| ManifestEntry {
        url: file.url(),
        content_length: file.size_bytes,
    };
    files.iter().map(entry).collect()
}

/// Plans a transaction, or says what of its rule or its names cannot be.
pub(crate) async fn plan_transaction(
    app: &App,
    to_load: ToLoad<'_>,
) -> Result<Result<Planned, RejectReason>, AppError> {
    let rule = to_load.rule;
    let spec = match CopySpec::from_rule(rule, to_load.columns) {
        Ok(spec) => spec,
        Err(faults) => return Ok(Err(RejectReason::RuleInvalid(faults))),
    };
    let manifest_key = manifest_key(&app.config.processing_folder, to_load.load);
    let manifest = match Manifest::new(to_load.sources) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(Err(rule_fault(rule, "ext_file_config", &error))),
    };
    let rendered = LoadTransaction::render(&LoadRequest {
        load: to_load.load,
        table: to_load.table,
        columns: to_load.columns,
        spec: &spec,
        manifest_url: &s3_url(to_load.bucket, &manifest_key),
        warehouse: to_load.warehouse,
        rows_expected: to_load.rows_expected,
        file_name: to_load.file_name,
        file_name_column: rule.file_name_column.as_deref(),
        load_id_column: rule.load_id_column.as_deref(),
        object_url: to_load.object_url,
        carried: to_load.carried,
        replaces: to_load.replaces,
        mode: &rule.mode,
        pre_sql: rule.pre_sql.as_deref(),
        post_sql: rule.post_sql.as_deref(),
        captures: to_load.captures,
    });
    let transaction = match rendered {
        Ok(transaction) => transaction,
        Err(TransactionError::NotAName { name, .. }) if rule.names_its_table_from_the_key() => {
            return Ok(Err(RejectReason::TargetNameInvalid { rule: rule.id, name }));
        }
        Err(TransactionError::NotInTheKey { column, placeholder }) => {
            return Ok(Err(RejectReason::PlaceholderUnresolved {
                rule: rule.id,
                column: column.to_owned(),
                placeholder,
            }));
        }
        Err(error) => return Ok(Err(rule_fault(rule, "ext_file_config", &error))),
    };
    // Better now than after the rows are there.
    let follow_up_steps = match follow_up_steps(app, rule).await? {
        Ok(steps) => follow_up::plan_steps(rule, steps),
        Err(fault) => return Ok(Err(rule_fault(rule, "query", &fault))),
    };
    let plan = LoadPlan {
        warehouse: to_load.warehouse.clone(),
        table: to_load.table.clone(),
        follow_up: rule.follow_up.clone(),
        follow_up_steps,
        follow_up_repeats: follow_up::repeats(rule, rule.follow_up.as_deref().unwrap_or_default()),
        retry: rule.retry,
        on_bad_file: rule
            .batch
            .as_ref()
            .map(|batch| batch.on_bad_file)
            .unwrap_or_default(),
        max_errors: spec.max_errors(),
        load_id_column: rule.load_id_column.clone(),
        mode: rule.mode.clone(),
        encryption_secret: rule.encryption_secret.clone(),
        vacuum_rows: rule.vacuum_rows,
        sections: vec![],
        section_of: vec![],
        blank_lines: 0,
        steps: transaction.steps,
        statements: transaction.statements,
    };
    Ok(Ok(Planned {
        plan,
        manifest_key,
        manifest: manifest.to_json(),
    }))
}

/// The steps of a rule's follow-up, none where it is a single statement. A chain is taken over as it is now: a retry runs what was
/// planned, whatever the chain says by then.
pub(crate) async fn follow_up_steps(
    app: &App,
    rule: &FileRule,
) -> Result<Result<Vec<ChainQuery>, FollowUpFault>, AppError> {
    let Some(text) = rule.follow_up.as_deref() else {
        return Ok(Ok(vec![]));
    };
    let name = match follow_up::read(text) {
        Ok(FollowUp::Sql) => return Ok(Ok(vec![])),
        Ok(FollowUp::Steps(steps)) => return Ok(Ok(steps)),
        Ok(FollowUp::Named(name)) => name,
        Err(fault) => return Ok(Err(fault)),
    };
    match app.store.chain(name).await? {
        Some(chain) => Ok(follow_up::read_chain(&chain)),
        None => Ok(Err(follow_up::unknown(name, &app.store.chains().await?))),
    }
}

/// Where a rule's table lies.
pub(crate) fn warehouse_of(app: &App, rule: &FileRule) -> Warehouse {
    let own = || app.config.warehouse.clone();
    rule.warehouse.clone().unwrap_or_else(own)
}

fn rule_fault(rule: &FileRule, column: &str, error: &(dyn std::error::Error + 'static)) -> RejectReason {
    RejectReason::RuleInvalid(RuleFaults {
        rule: rule.id,
        faults: vec![RuleFault::new(column, with_causes(error))],
    })
}
