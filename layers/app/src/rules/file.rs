//! Rules out of a document alone, without a control database: for files that are looked at by hand.

use longshore_domain::rule::{ColumnRow, RuleRow};
use serde_json::{Map, Value};

use super::tree::{self, Content, Node};
use super::{Fault, near};

/// Columns that are numbers or flags; all others are text.
const NUMBERS: [&str; 12] = [
    "ext_file_config_sid",
    "max_attempts",
    "retry_minutes",
    "batch_files",
    "batch_bytes",
    "batch_seconds",
    "header_records",
    "vacuum_rows",
    "expected_grace_minutes",
    "expected_files",
    "group_files",
    "group_seconds",
];

/// Reads the rules of a document.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str) -> Result<Vec<RuleRow>, Vec<Fault>> {
    let root = tree::read(text).map_err(|fault| vec![fault])?;
    let nodes = rules(&root).map_err(|fault| vec![fault])?;
    let read: Vec<_> = nodes.iter().map(row).collect();
    let faults: Vec<Fault> = read
        .iter()
        .filter_map(|row| row.as_ref().err())
        .flatten()
        .cloned()
        .collect();
    match faults.is_empty() {
        true => Ok(read.into_iter().flatten().collect()),
        false => Err(faults),
    }
}

/// The list under `rules`; what a document says of feeds and targets is for the control database.
fn rules(root: &Node) -> Result<&[Node], Fault> {
    let missing = || {
        Fault::new(
            root.line,
            "there are no rules in it; write them as `rule export` prints them",
        )
    };
    let Content::Map(fields) = &root.content else {
        return Err(missing());
    };
    let list = fields.iter().find(|(name, _)| name.text == "rules");
    match list.map(|(_, node)| &node.content) {
        Some(Content::List(nodes)) if !nodes.is_empty() => Ok(nodes),
        _ => Err(missing()),
    }
}

/// Fields that say when files are expected.
const EXPECTATION: [&str; 4] = [
    "expected_schedule",
    "expected_timezone",
    "expected_grace_minutes",
    "expected_files",
];
/// What a row has from other tables, and no document.
const KEPT_ELSEWHERE: [&str; 4] = ["group_inactive", "rule_version", "target", "known_targets"];

fn row(node: &Node) -> Result<RuleRow, Vec<Fault>> {
    let Content::Map(fields) = &node.content else {
        let what = format!("a rule is a mapping of fields, found {}", node.kind());
        return Err(vec![Fault::new(node.line, what)]);
    };
    let mut values = presets();
    let mut faults = Vec::new();
    for (name, value) in fields {
        let read = match name.text.as_str() {
            "columns" => columns(value),
            known if values.contains_key(known) => scalar(known, value),
            // What the tables keep and no file is looked at by.
            "ext_target_sid" | "further_targets" | "oprtnl_flag" | "paused_note" => continue,
            unknown => Err(Fault::new(
                name.line,
                near::unknown("field", unknown, values.keys().map(String::as_str)),
            )),
        };
        match read {
            Ok(value) => {
                values.insert(name.text.clone(), value);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let row = serde_json::from_value(Value::Object(values));
    match (row, faults.is_empty()) {
        (Ok(row), true) => Ok(row),
        (Err(error), true) => Err(vec![Fault::new(node.line, error.to_string())]),
        (_, false) => Err(faults),
    }
}

/// What counts where a document says nothing.
fn presets() -> Map<String, Value> {
    let flag = || "N".to_owned();
    let preset = RuleRow {
        file_format: "txt".to_owned(),
        file_type: "txt".to_owned(),
        header_flag: flag(),
        trailer_flag: flag(),
        split_file_flag: flag(),
        ..RuleRow::default()
    };
    match serde_json::to_value(preset) {
        // What a rule leaves out is left out of its JSON, where older plans lack it.
        Ok(Value::Object(mut fields)) => {
            for left_out in EXPECTATION {
                fields.insert(left_out.to_owned(), Value::Null);
            }
            fields.retain(|name, _| !KEPT_ELSEWHERE.contains(&name.as_str()));
            fields
        }
        Ok(_) | Err(_) => Map::new(),
    }
}

fn scalar(name: &str, node: &Node) -> Result<Value, Fault> {
    let text = match &node.content {
        Content::Null => return Ok(Value::Null),
        Content::Text(text) => text,
        Content::List(_) | Content::Map(_) => {
            let what = format!("{name} is a text or a number, found {}", node.kind());
            return Err(Fault::new(node.line, what));
        }
    };
    if name == "paused" {
        return Ok(Value::Bool(matches!(text.as_str(), "true" | "t" | "Y")));
    }
    if !NUMBERS.contains(&name) {
        return Ok(Value::String(text.clone()));
    }
    let number: Result<i64, _> = text.parse();
    number
        .map(Value::from)
        .map_err(|_| Fault::new(node.line, format!("{name} is a number, found {text:?}")))
}

fn columns(node: &Node) -> Result<Value, Fault> {
    let Content::List(columns) = &node.content else {
        return Err(Fault::new(
            node.line,
            format!("columns is a list, found {}", node.kind()),
        ));
    };
    let rows: Result<Vec<ColumnRow>, Fault> = columns.iter().map(column).collect();
    serde_json::to_value(rows?).map_err(|error| Fault::new(node.line, error.to_string()))
}

/// A name, or a mapping with a width.
fn column(node: &Node) -> Result<ColumnRow, Fault> {
    let fields = match &node.content {
        Content::Text(name) => {
            return Ok(ColumnRow {
                column_name: name.clone(),
                column_width_fixed: None,
            });
        }
        Content::Map(fields) => fields,
        Content::Null | Content::List(_) => {
            return Err(Fault::new(
                node.line,
                format!("a column is a name or a mapping, found {}", node.kind()),
            ));
        }
    };
    let text = |wanted: &str| {
        let field = fields.iter().find(|(name, _)| name.text == wanted);
        match field.map(|(_, node)| &node.content) {
            Some(Content::Text(text)) => Some(text.clone()),
            _ => None,
        }
    };
    Ok(ColumnRow {
        column_name: text("column_name")
            .ok_or_else(|| Fault::new(node.line, "a column needs its column_name"))?,
        column_width_fixed: text("column_width_fixed"),
    })
}

#[cfg(test)]
mod tests {
    use longshore_domain::rule::FileRule;

    use super::*;

    #[test]
    fn a_document_gives_its_rules_without_a_database() {
        let rows = read(
            "rules:
  - ext_file_config_sid: 71
    file_prefix: 701.
    delimiter: '|'
    trailer_flag: Y
    trailer_tag: T
    tgt_schema_name: s
    tgt_table_name: t
    batch_files: 3
    columns:
      - item
      - column_name: amount
",
        )
        .unwrap();
        let rule = FileRule::from_row(&rows[0]).unwrap();
        assert_eq!((rule.id.0, rule.columns.len()), (71, 2));
        assert!(rule.trailer.is_some());
    }

    #[test]
    fn what_a_rule_expects_is_read_and_what_no_document_has_is_no_field() {
        let rows = read(
            "rules:
  - ext_file_config_sid: 71
    file_prefix: 701.
    expected_schedule: '0 6 * * *'
    expected_timezone: Europe/Berlin
    expected_grace_minutes: 30
    expected_files: 2
",
        )
        .unwrap();
        assert_eq!(
            (rows[0].expected_files, rows[0].expected_grace_minutes),
            (Some(2), Some(30))
        );
        for kept in KEPT_ELSEWHERE {
            let faults = read(&format!("rules:\n  - ext_file_config_sid: 71\n    {kept}: 1\n")).unwrap_err();
            assert!(faults[0].what.contains("is no field"), "{faults:?}");
        }
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let faults = read(
            "rules:
  - ext_file_config_sid: seventy
    delimeter: ','
",
        )
        .unwrap_err();
        assert_eq!(
            faults,
            [
                Fault::new(2, "ext_file_config_sid is a number, found \"seventy\""),
                Fault::new(3, "\"delimeter\" is no field; did you mean delimiter?"),
            ]
        );
        let faults = read("interfaces: []\n").unwrap_err();
        assert!(faults[0].what.contains("there are no rules in it"));
    }
}
