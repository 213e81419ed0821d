//! The checks that need no bytes but the header's: size, name, and the columns that the header names.

use crate::object::{Object, ObjectKey};
use crate::reject::RejectReason;
use crate::rule::{ColumnPlace, DriftPolicy, EmptyFilePolicy, FileRule, HeaderPolicy, LoadMode, RuleColumn};

/// The column that says when a row came, which takes its DEFAULT.
const LOAD_TIME_COLUMN: &str = "target_transaction_timestamp";
/// The longest name of a column.
const MOST_NAME_BYTES: usize = 127;

/// Refuses an object that is smaller than any real file of the deployment. One without records may be of any size, where the rule
/// takes such.
pub fn size(object: &Object, rule: &FileRule, threshold_bytes: u64) -> Result<(), RejectReason> {
    if rule.empty_files == EmptyFilePolicy::Refuse && object.size_bytes < threshold_bytes {
        return Err(RejectReason::BelowThreshold {
            size_bytes: object.size_bytes,
            threshold_bytes,
        });
    }
    Ok(())
}

/// Refuses an object whose extension is not the rule's.
pub fn extension(object: &Object, rule: &FileRule) -> Result<(), RejectReason> {
    extension_of_key(&object.key, rule)
}

/// The same of a file that may be no object.
pub fn extension_of_key(key: &ObjectKey, rule: &FileRule) -> Result<(), RejectReason> {
    if rule.ends_with_a_date() {
        return Ok(());
    }
    if rule.file_type.takes(key) {
        return Ok(());
    }
    Err(RejectReason::ExtensionMismatch {
        expected: rule.file_type.to_string(),
        found: key.extension().unwrap_or_default().to_ascii_lowercase(),
    })
}

/// Compares the header's fields with the rule's columns. Gives the order in which the file's fields fill the columns:
/// the header's own when the rule lets the order vary.
pub fn header(rule: &FileRule, fields: &[String]) -> Result<Vec<RuleColumn>, RejectReason> {
    match rule.header {
        HeaderPolicy::Absent | HeaderPolicy::Ignore => Ok(rule.columns.clone()),
        HeaderPolicy::NamesAndOrder => {
            same_names(rule, fields)?;
            let reordered = rule
                .columns
                .iter()
                .zip(fields)
                .position(|(column, field)| !is_named(column, field));
            match reordered {
                None => Ok(rule.columns.clone()),
                Some(index) => Err(RejectReason::HeaderReordered {
                    position: index + 1,
                    expected: rule.columns[index].name.clone(),
                    found: fields[index].trim().to_owned(),
                }),
            }
        }
        HeaderPolicy::Names => {
            same_names(rule, fields)?;
            let column = |field: &String| {
                let listed = rule.columns.iter().find(|column| is_named(column, field));
                listed.cloned().or_else(|| extra(rule, field))
            };
            Ok(fields.iter().filter_map(column).collect())
        }
    }
}

/// A column that the rule does not list, where its policy has a place for it.
fn extra(rule: &FileRule, field: &str) -> Option<RuleColumn> {
    let name = field.trim().to_lowercase();
    let ours = [&rule.file_name_column, &rule.load_id_column];
    let is_ours = ours
        .into_iter()
        .flatten()
        .any(|column| column.eq_ignore_ascii_case(&name))
        || name == LOAD_TIME_COLUMN
        || matches!(&rule.mode, LoadMode::ReplacePeriod(period) if period.column.eq_ignore_ascii_case(&name));
    let place = match &rule.drift {
        DriftPolicy::Fail => return None,
        DriftPolicy::IgnoreExtra => ColumnPlace::Dropped,
        // The load fills these itself.
        DriftPolicy::AddColumn if is_ours => return None,
        DriftPolicy::AddColumn => ColumnPlace::Added,
        DriftPolicy::KeepExtra(column) => ColumnPlace::Kept(column.clone()),
    };
    ((1..=MOST_NAME_BYTES).contains(&name.len())).then_some(RuleColumn {
        name,
        width: None,
        place,
    })
}

fn same_names(rule: &FileRule, fields: &[String]) -> Result<(), RejectReason> {
    let missing: Vec<String> = rule
        .columns
        .iter()
        .filter(|column| !fields.iter().any(|field| is_named(column, field)))
        .map(|column| column.name.clone())
        .collect();
    let unknown: Vec<String> = fields
        .iter()
        .enumerate()
        .filter(|(index, field)| {
            let repeated = fields[..*index]
                .iter()
                .any(|earlier| earlier.trim().eq_ignore_ascii_case(field.trim()));
            let has_place =
                rule.columns.iter().any(|column| is_named(column, field)) || extra(rule, field).is_some();
            repeated || !has_place
        })
        .map(|(_, field)| field.trim().to_owned())
        .collect();
    if missing.len() == rule.columns.len() {
        return Err(RejectReason::HeaderMissing {
            record: rule.header_length().max(1),
            expected: names(&rule.columns),
            found: bounded(fields),
        });
    }
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(RejectReason::HeaderDiffers {
        missing,
        unknown: bounded(&unknown),
    })
}

fn is_named(column: &RuleColumn, field: &str) -> bool {
    column.name.eq_ignore_ascii_case(field.trim())
}

fn names(columns: &[RuleColumn]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

/// A header is not row contents, but a file without one has rows where the header should be: show little of it.
fn bounded(fields: &[String]) -> Vec<String> {
    fields
        .iter()
        .take(8)
        .map(|field| field.trim().chars().take(40).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{ColumnRow, RuleRow};

    fn rule(policy: &str) -> FileRule {
        let column = |name: &str| ColumnRow {
            column_name: name.to_owned(),
            column_width_fixed: None,
        };
        FileRule::from_row(&RuleRow {
            ext_file_config_sid: 1,
            file_prefix: "527.".to_owned(),
            file_format: "txt".to_owned(),
            file_type: "txt".to_owned(),
            delimiter: Some("|".to_owned()),
            header_flag: "Y".to_owned(),
            header_policy: Some(policy.to_owned()),
            trailer_flag: "N".to_owned(),
            split_file_flag: "N".to_owned(),
            tgt_schema_name: Some("s".to_owned()),
            tgt_table_name: Some("t".to_owned()),
            columns: vec![column("id"), column("name"), column("amount")],
            ..RuleRow::default()
        })
        .unwrap()
    }

    fn checked(policy: &str, fields: &[&str]) -> Result<Vec<String>, String> {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        header(&rule(policy), &fields)
            .map(|columns| names(&columns))
            .map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_header_in_order_passes_every_policy() {
        for policy in ["ignore", "names", "names_and_order"] {
            assert_eq!(
                checked(policy, &["ID", " name ", "amount"]).unwrap(),
                ["id", "name", "amount"]
            );
        }
    }

    #[test]
    fn a_reordered_header_decides_the_order_or_is_refused() {
        assert_eq!(
            checked("names", &["amount", "id", "name"]).unwrap(),
            ["amount", "id", "name"]
        );
        insta::assert_snapshot!(
            checked("names_and_order", &["id", "amount", "name"]).unwrap_err(),
            @r#"the header's field 2 is "amount", the rule's column there is "name"; reorder one of them or set header_policy to names"#
        );
    }

    #[test]
    fn missing_and_unknown_columns_are_named_together() {
        insta::assert_snapshot!(
            checked("names", &["id", "nmae", "amount"]).unwrap_err(),
            @r#"the header's columns are not the rule's: missing name; unknown nmae"#
        );
        insta::assert_snapshot!(
            checked("names", &["id", "name", "amount", "id"]).unwrap_err(),
            @"the header's columns are not the rule's: unknown id"
        );
    }

    #[test]
    fn a_file_without_its_header_is_told_apart_from_one_with_another() {
        insta::assert_snapshot!(
            checked("names", &["1", "Ada", "2.50"]).unwrap_err(),
            @"the header is missing: its first record names none of the columns id, name, amount"
        );
    }
}
