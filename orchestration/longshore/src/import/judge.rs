//! What is said of an import before anybody applies it: what the rule would be refused for, and what was never filled in.

use longshore_app::lint;
use longshore_domain::rule::RuleRow;
use serde_json::{Map, Value, json};

use super::{Imported, Row};

/// Fields of a rule that are numbers.
const NUMBERS: [&str; 5] = [
    "ext_file_config_sid",
    "batch_files",
    "batch_bytes",
    "batch_seconds",
    "header_records",
];
/// Fields that a rule has though the import does not say them.
const USUAL: [(&str, &str); 3] = [
    ("header_flag", "N"),
    ("trailer_flag", "N"),
    ("split_file_flag", "N"),
];

/// Adds remarks about what `rule apply` would refuse, each by the name of its field, and about placeholders.
pub(super) fn judge(imported: &mut Imported) {
    let mut remarks = placeholders(imported);
    let Some(row) = rule_row(imported) else { return };
    let is_told = |field: &str| {
        let of_field = |remark: &String| remark.starts_with(&format!("{field}: "));
        imported.remarks.iter().chain(&remarks).any(of_field)
    };
    let faults = lint(&[row], &[]).into_iter().flat_map(|rule| rule.faults);
    let refused: Vec<_> = faults
        .map(|fault| (field_of(&fault.column).to_owned(), fault.problem))
        .filter(|(field, _)| !is_told(field))
        .map(|(field, problem)| format!("{field}: rule apply would refuse it: {problem}"))
        .collect();
    remarks.extend(refused);
    imported.remarks.extend(remarks);
}

/// A fault's column as a document calls it.
fn field_of(column: &str) -> &str {
    match column.split_once('.') {
        Some(("ext_file_config_dtl", _)) => "columns",
        _ => column,
    }
}

/// Examples write `<TABLE>` for what is to be filled in.
fn placeholders(imported: &Imported) -> Vec<String> {
    let of_row = |Row(fields): &Row| {
        fields
            .iter()
            .filter(|(_, value)| holds_a_placeholder(value))
            .map(|(field, value)| format!("{field}: {value} is to be filled in, and nobody did"))
            .collect::<Vec<_>>()
    };
    [&imported.interface, &imported.target]
        .into_iter()
        .chain(&imported.further)
        .chain([&imported.rule])
        .flat_map(of_row)
        .collect()
}

fn holds_a_placeholder(value: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    };
    value
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .any(|(name, _)| is_name(name))
}

/// The rule as the tables would hold it.
fn rule_row(imported: &Imported) -> Option<RuleRow> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(RuleRow::default()) else {
        return None;
    };
    let given: Map<String, Value> = imported.rule.json();
    for (field, usual) in USUAL {
        fields.insert(field.to_owned(), json!(usual));
    }
    for (field, value) in given {
        let text = value.as_str().unwrap_or_default();
        let value = match text {
            "" => Value::Null,
            text if NUMBERS.contains(&field.as_str()) => json!(text.parse::<i64>().ok()?),
            text => json!(text),
        };
        // Where its rows go is a number here, and a row of its own there.
        if fields.contains_key(&field) {
            fields.insert(field, value);
        }
    }
    let columns: Vec<_> = imported
        .columns
        .iter()
        .map(|column| json!({ "column_name": column, "column_width_fixed": null }))
        .collect();
    fields.insert("columns".to_owned(), json!(columns));
    serde_json::from_value(Value::Object(fields)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Numbers, awslabs, microbatch};

    /// As the loader's README shows it, nothing filled in.
    const EXAMPLE: &str = r#"{
    "output": {
        "manifest_bucket": "<BUCKET_NAME>",
        "manifest_prefix": "<PREFIX_FOLDER_WHERE_TO_STORE_MANIFEST>"
    },
    "copy": {
        "options": "<COPY_OPTIONS_SPACE_SEPARATED>",
        "role_arn": "<COPY_IAM_ROLE_ARN>",
        "table_name": "<TARGET_TABLE_TO_WRITE>"
    },
    "cluster": {
        "identifier": "<CLUSTER_IDENTIFIER>",
        "db_name": "<CLUSTER_DB_NAME>"
    },
    "options": {
        "merge_duplicate_pks": true,
        "merge_pk": "<PK_COL_NAME>",
        "merge_timestamp": "<TIMESTAMP_COLUMN_FOR_DUPLICATE_PKS>"
    }
}"#;

    #[test]
    fn what_an_example_leaves_to_be_filled_in_is_named() {
        let imported = microbatch::import(EXAMPLE, "orders_queue", Numbers::SAMPLE).unwrap();
        let left: Vec<_> = imported
            .remarks
            .iter()
            .filter(|remark| remark.ends_with("is to be filled in, and nobody did"))
            .map(|remark| remark.split(':').next().unwrap_or_default())
            .collect();
        assert_eq!(
            left,
            [
                "interface_name",
                "target_name",
                "cluster_identifier",
                "database_name",
                "iam_role",
                "tgt_table_name",
                "copy_options",
                "merge_keys",
                "merge_order"
            ]
        );
    }

    #[test]
    fn what_would_be_refused_is_named_with_its_field() {
        let config = r#"{"s3Prefix": "b/in", "clusterEndpoint": "db.x", "clusterDB": "d", "table": "s.t", "columnList": "a",
            "df": "CSV", "batchSize": "1", "copyOptions": "NOSUCH"}"#;
        let imported = awslabs::import(config, Numbers::SAMPLE).unwrap();
        let refused: Vec<_> = imported
            .remarks
            .iter()
            .filter(|remark| remark.contains("rule apply would refuse it"))
            .collect();
        assert_eq!(refused.len(), 1, "{:?}", imported.remarks);
        assert!(refused[0].starts_with("copy_options: "), "{refused:?}");
    }
}
