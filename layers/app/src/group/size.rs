//! Whether a set of a group can be one transaction: the Data API takes so many statements, and each rule adds some.

use longshore_copy::{CarriedLoad, CopySpec, GroupTransaction, LoadRequest, TransactionError};
use longshore_domain::load::LoadId;
use longshore_domain::matching::{Captures, placeholders};
use longshore_domain::rule::{FileRule, GroupPart, LoadMode, RuleFault, RuleId};
use longshore_domain::target::{Compute, Login, Warehouse};
use uuid::Uuid;

/// Why no set of sound rules of one group could be loaded, told at the last of them. Rendered is the least set there is, one
/// file of each rule.
pub(crate) fn fault_of_size(rules: &[FileRule]) -> Option<(RuleId, RuleFault)> {
    let data = || {
        rules
            .iter()
            .filter(|rule| rule.group.as_ref().is_some_and(GroupPart::is_data))
    };
    let last = data().next_back()?.id;
    let warehouse = somewhere();
    // A rule whose options COPY refuses is told of by itself.
    let specs: Vec<CopySpec> = data()
        .map(|rule| CopySpec::from_rule(rule, &rule.columns).ok())
        .collect::<Option<_>>()?;
    let captures: Vec<Captures> = data().map(anything_for).collect();
    let load = LoadId::from_uuid(Uuid::nil());
    let carried = [CarriedLoad {
        load,
        object_url: URL,
        rows: None,
    }];
    let requests: Vec<LoadRequest<'_>> = data()
        .zip(&specs)
        .zip(&captures)
        .map(|((rule, spec), captures)| {
            Some(LoadRequest {
                load,
                table: rule.table.as_ref()?,
                columns: &rule.columns,
                spec,
                manifest_url: URL,
                warehouse: &warehouse,
                rows_expected: rule.is_record_oriented().then_some(1),
                file_name: "",
                file_name_column: rule.file_name_column.as_deref(),
                load_id_column: rule.load_id_column.as_deref(),
                object_url: URL,
                carried: &carried,
                replaces: &[],
                mode: &rule.mode,
                pre_sql: rule.pre_sql.as_deref(),
                post_sql: rule.post_sql.as_deref(),
                captures,
            })
        })
        .collect::<Option<_>>()?;
    match GroupTransaction::render(&requests).map_err(|fault| fault.error) {
        Err(error @ TransactionError::TooManyStatements { .. }) => {
            Some((last, RuleFault::new("load_group", error.to_string())))
        }
        // What else is wrong with a rule does not come of the others.
        Ok(_) | Err(_) => None,
    }
}

const URL: &str = "s3://bucket/key";

/// No statement is sent from here.
fn somewhere() -> Warehouse {
    Warehouse {
        compute: Compute::Cluster("cluster".to_owned()),
        database: "database".to_owned(),
        login: Login::CallerIdentity,
        iam_role: "default".to_owned(),
        region: "region".to_owned(),
    }
}

/// A value for every placeholder.
fn anything_for(rule: &FileRule) -> Captures {
    let period = match &rule.mode {
        LoadMode::ReplacePeriod(period) => Some(&period.value),
        LoadMode::Append | LoadMode::Truncate | LoadMode::Merge(_) => None,
    };
    [period, rule.pre_sql.as_ref(), rule.post_sql.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|text| placeholders(text).ok())
        .flatten()
        .map(|name| (name, "1".to_owned()))
        .collect()
}
