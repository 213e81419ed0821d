//! Rules and loads in which a test sets only what matters to it.

use longshore_copy::{CarriedLoad, CopySpec, LoadRequest, LoadTransaction, TransactionError};
use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::rule::{ColumnRow, FileRule, LoadMode, RuleColumn, RuleFaults, RuleRow};
use longshore_domain::target::{Compute, Login, TableName, Warehouse};
use uuid::Uuid;

/// The pipe-delimited price list of the samples.
pub(crate) fn row() -> RuleRow {
    RuleRow {
        ext_file_config_sid: 71,
        ext_interface_cid: "701".to_owned(),
        interface_name: "PHARMACY_PRICE".to_owned(),
        tgt_schema_name: set("rdsftetl"),
        tgt_table_name: set("pharmacy_price"),
        file_prefix: "701.".to_owned(),
        file_format: "txt".to_owned(),
        file_type: "txt".to_owned(),
        delimiter: set("|"),
        header_flag: "N".to_owned(),
        trailer_flag: "N".to_owned(),
        split_file_flag: "N".to_owned(),
        file_name_column: set("file_name"),
        columns: vec![column("ndc", None), column("unit_price", None)],
        ..RuleRow::default()
    }
}

pub(crate) fn set(value: &str) -> Option<String> {
    Some(value.to_owned())
}

pub(crate) fn column(name: &str, width: Option<&str>) -> ColumnRow {
    ColumnRow {
        column_name: name.to_owned(),
        column_width_fixed: width.map(str::to_owned),
    }
}

pub(crate) fn rule(change: impl FnOnce(&mut RuleRow)) -> FileRule {
    let mut row = row();
    change(&mut row);
    FileRule::from_row(&row).unwrap()
}

/// The COPY for files of a rule, in the columns' own order.
pub(crate) fn spec_of(rule: &FileRule) -> Result<CopySpec, RuleFaults> {
    CopySpec::from_rule(rule, &rule.columns)
}

pub(crate) fn warehouse() -> Warehouse {
    Warehouse {
        compute: Compute::Cluster("etl".to_owned()),
        database: "dev".to_owned(),
        login: Login::CallerIdentity,
        iam_role: "arn:aws:iam::123456789012:role/copy".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// A load of which a test changes what matters.
pub(crate) struct Load {
    pub(crate) table: TableName,
    pub(crate) columns: Vec<RuleColumn>,
    pub(crate) spec: CopySpec,
    pub(crate) warehouse: Warehouse,
    pub(crate) rows_expected: Option<u64>,
    pub(crate) file_name: String,
    pub(crate) file_name_column: Option<String>,
    pub(crate) load_id_column: Option<String>,
    pub(crate) manifest_url: String,
    pub(crate) object_url: String,
    pub(crate) carried: Vec<(LoadId, String, Option<u64>)>,
    pub(crate) replaces: Vec<LoadId>,
    pub(crate) mode: LoadMode,
    pub(crate) pre_sql: Option<String>,
    pub(crate) post_sql: Option<String>,
    pub(crate) captures: Captures,
}

impl Load {
    pub(crate) fn of(rule: &FileRule) -> Self {
        Self {
            table: rule.table.clone().unwrap(),
            columns: rule.columns.clone(),
            spec: spec_of(rule).unwrap(),
            warehouse: warehouse(),
            rows_expected: None,
            file_name: "PROD_PRICES_701.txt".to_owned(),
            file_name_column: rule.file_name_column.clone(),
            load_id_column: rule.load_id_column.clone(),
            manifest_url: "s3://landing/processing/7/manifest".to_owned(),
            object_url: "s3://landing/in/PROD_PRICES_701.txt".to_owned(),
            carried: Vec::new(),
            replaces: Vec::new(),
            mode: rule.mode.clone(),
            pre_sql: rule.pre_sql.clone(),
            post_sql: rule.post_sql.clone(),
            captures: Captures::new(),
        }
    }

    pub(crate) fn render(&self) -> Result<LoadTransaction, TransactionError> {
        let carried: Vec<_> = self
            .carried
            .iter()
            .map(|(load, object_url, rows)| CarriedLoad {
                load: *load,
                object_url,
                rows: *rows,
            })
            .collect();
        LoadTransaction::render(&LoadRequest {
            load: LoadId::from_uuid(Uuid::from_u128(7)),
            table: &self.table,
            columns: &self.columns,
            spec: &self.spec,
            manifest_url: &self.manifest_url,
            warehouse: &self.warehouse,
            rows_expected: self.rows_expected,
            file_name: &self.file_name,
            file_name_column: self.file_name_column.as_deref(),
            load_id_column: self.load_id_column.as_deref(),
            object_url: &self.object_url,
            carried: &carried,
            replaces: &self.replaces,
            mode: &self.mode,
            pre_sql: self.pre_sql.as_deref(),
            post_sql: self.post_sql.as_deref(),
            captures: &self.captures,
        })
    }
}

/// The statement of one step; the first when there are several.
pub(crate) fn statement(load: &Load, step: longshore_domain::statement::LoadStep) -> Option<String> {
    let transaction = load.render().unwrap();
    transaction
        .steps
        .iter()
        .position(|found| *found == step)
        .map(|index| transaction.statements[index].clone())
}
