//! The plan of a load transaction, kept on the ledger so that a retry runs the very same SQL.

use longshore_copy::transaction::{check_follow_up, is_call};
use longshore_copy::{CopySpec, LoadRequest, LoadTransaction, Manifest, ManifestEntry, TransactionError};
use longshore_domain::archive::manifest_key;
use longshore_domain::load::LoadId;
use longshore_domain::object::{ObjectKey, s3_url};
use longshore_domain::reject::RejectReason;
use longshore_domain::retry::RetryPolicy;
use longshore_domain::rule::{FileRule, LoadMode, RuleFault, RuleFaults};
use longshore_domain::statement::LoadStep;
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::Load;
use serde::{Deserialize, Serialize};

use crate::error::chain;
use crate::prepare::Copyable;
use crate::{App, AppError};

/// What will be submitted, and where. Holds no secret: COPY is authorised by a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadPlan {
    /// Where it runs.
    pub warehouse: Warehouse,
    /// The table it fills.
    pub table: TableName,
    /// The transformation SQL that runs afterwards.
    pub follow_up: Option<String>,
    /// Whether that may run again after a run that failed in passing.
    #[serde(default)]
    pub follow_up_repeats: bool,
    /// How long it is tried. Plans of older versions have the usual.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Rows that COPY may refuse without failing; `None` for any number.
    pub max_errors: Option<u64>,
    /// The column that tells its rows from those of other loads, when the target has one.
    #[serde(default)]
    pub load_id_column: Option<String>,
    /// What becomes of the rows that its table has.
    #[serde(default)]
    pub mode: LoadMode,
    /// What each statement does.
    pub steps: Vec<LoadStep>,
    /// The statements of the transaction.
    pub statements: Vec<String>,
}

impl LoadPlan {
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

    /// Whether its table lies in this warehouse, whoever logs in there.
    pub(crate) fn is_for(&self, warehouse: &Warehouse) -> bool {
        self.warehouse.compute == warehouse.compute && self.warehouse.database == warehouse.database
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

/// A plan and the manifest that its COPY reads.
pub(crate) struct Planned {
    /// The plan.
    pub plan: LoadPlan,
    /// The manifest's key.
    pub manifest_key: ObjectKey,
    /// The manifest's text.
    pub manifest: String,
}

/// Plans the load of one copyable file into `table`. Options that the warehouse would refuse are refused here.
pub(crate) fn plan(
    app: &App,
    load: &Load,
    table: &TableName,
    copyable: &Copyable,
    replaces: &[LoadId],
) -> Result<Result<Planned, RejectReason>, AppError> {
    let spec = match CopySpec::from_rule(&copyable.rule, &copyable.columns) {
        Ok(spec) => spec,
        Err(faults) => return Ok(Err(RejectReason::RuleInvalid(faults))),
    };
    let warehouse = warehouse_of(app, &copyable.rule);
    let manifest_key = manifest_key(&app.config.processing_folder, load.id);
    let manifest = Manifest::new(vec![ManifestEntry {
        url: copyable.source.url(),
        content_length: copyable.source.size_bytes,
    }])
    .map_err(|error| AppError::Engine(error.into()))?;
    let rendered = LoadTransaction::render(&LoadRequest {
        load: load.id,
        table,
        columns: &copyable.columns,
        spec: &spec,
        manifest_url: &s3_url(&load.object.bucket, &manifest_key),
        warehouse: &warehouse,
        rows_expected: copyable.records,
        file_name: &load.file_name,
        file_name_column: copyable.rule.file_name_column.as_deref(),
        load_id_column: copyable.rule.load_id_column.as_deref(),
        object_url: &load.object.url(),
        replaces,
        mode: &copyable.rule.mode,
        pre_sql: copyable.rule.pre_sql.as_deref(),
        post_sql: copyable.rule.post_sql.as_deref(),
        captures: &load.captures,
    });
    let transaction = match rendered {
        Ok(transaction) => transaction,
        Err(TransactionError::NotAName { name, .. }) if copyable.rule.names_its_table_from_the_key() => {
            return Ok(Err(RejectReason::TargetNameInvalid {
                rule: copyable.rule.id,
                name,
            }));
        }
        Err(TransactionError::NotInTheKey { column, placeholder }) => {
            return Ok(Err(RejectReason::PlaceholderUnresolved {
                rule: copyable.rule.id,
                column: column.to_owned(),
                placeholder,
            }));
        }
        Err(error) => return Ok(Err(rule_fault(&copyable.rule, "ext_file_config", &error))),
    };
    // Better now than after the rows are there.
    if let Some(Err(error)) = copyable.rule.follow_up.as_deref().map(check_follow_up) {
        return Ok(Err(rule_fault(&copyable.rule, "query", &error)));
    }
    let plan = LoadPlan {
        warehouse,
        table: table.clone(),
        follow_up: copyable.rule.follow_up.clone(),
        follow_up_repeats: follow_up_repeats(&copyable.rule),
        retry: copyable.rule.retry,
        max_errors: spec.max_errors(),
        load_id_column: copyable.rule.load_id_column.clone(),
        mode: copyable.rule.mode.clone(),
        steps: transaction.steps,
        statements: transaction.statements,
    };
    Ok(Ok(Planned {
        plan,
        manifest_key,
        manifest: manifest.to_json(),
    }))
}

/// A statement that failed left nothing behind, unless it is a CALL: its procedure may have committed halfway.
fn follow_up_repeats(rule: &FileRule) -> bool {
    let sql = rule.follow_up.as_deref().unwrap_or_default();
    rule.follow_up_repeats.unwrap_or_else(|| !is_call(sql))
}

/// Where a rule's table lies.
pub(crate) fn warehouse_of(app: &App, rule: &FileRule) -> Warehouse {
    let own = || app.config.warehouse.clone();
    rule.warehouse.clone().unwrap_or_else(own)
}

fn rule_fault(rule: &FileRule, column: &str, error: &TransactionError) -> RejectReason {
    RejectReason::RuleInvalid(RuleFaults {
        rule: rule.id,
        faults: vec![RuleFault::new(column, chain(error))],
    })
}
