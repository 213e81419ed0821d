//! `rule explain`: which rule takes an object, which do not, and why.

use longshore_domain::check;
use longshore_domain::matching::{self, Captures, Match};
use longshore_domain::object::{ObjectKey, parse_s3_url};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{FileRule, RuleRow};
use serde_json::json;

use super::{cost, table};
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Says of every rule whether it takes the object.
pub(super) fn run(
    rows: &[RuleRow],
    url: &str,
    queue: Option<&QueueName>,
    size: Option<u64>,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let (bucket, key) =
        parse_s3_url(url).ok_or_else(|| input(format!("{url:?} is no object; write s3://bucket/key")))?;
    let verdicts = matching::explain(rows, Some(&bucket), &key, queue);
    let found = matching::find_announced(rows, Some(&bucket), &key, queue);
    let (decision, status) = decide(&found, &key);
    let plan = size.and_then(|size| cost::plan(&found, size));
    if output.is_json() {
        let mut answer = json!({ "bucket": bucket, "key": key, "decision": decision, "rules": verdicts });
        if let Some(plan) = &plan {
            answer["plan"] = cost::json(plan);
        }
        output.json(&answer)?;
        return Ok(status);
    }
    let listed = verdicts
        .iter()
        .map(|verdict| {
            let matches = if verdict.matches { "matches" } else { "does not" };
            vec![
                verdict.rule.to_string(),
                matches.to_owned(),
                verdict.reason.clone(),
            ]
        })
        .collect();
    output.table(&["rule", "", "because"], listed)?;
    output.line(decision)?;
    if let Some(plan) = &plan {
        cost::show(plan, output)?;
    }
    Ok(status)
}

/// What would become of an object. A file that would be refused is an answer about the input: exit code 1.
fn decide(found: &Match<'_>, key: &ObjectKey) -> (String, ExitStatus) {
    match judge(found, key) {
        Ok(taken) => (taken, ExitStatus::Done),
        Err(reason) => (format!("it would be rejected: {reason}"), ExitStatus::Input),
    }
}

fn judge(found: &Match<'_>, key: &ObjectKey) -> Result<String, String> {
    match found {
        Match::One { row, captures } => taken(row, captures, key),
        Match::Ignored(row) => Ok(format!(
            "it would be ignored: rule {} passes it over (ignore_names)",
            row.ext_file_config_sid
        )),
        Match::None => Err(format!("no active rule matches (token {:?})", key.token())),
        Match::Unreadable(row) => {
            let faults = FileRule::from_row(row).map_or_else(|faults| faults.to_string(), |_| String::new());
            Err(format!("no sound rule matches, and {faults}"))
        }
        Match::Several(rules) => {
            let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
            Err(format!("rules {} match equally", rules.join(" and ")))
        }
    }
}

fn taken(row: &RuleRow, captures: &Captures, key: &ObjectKey) -> Result<String, String> {
    let rule = FileRule::from_row(row).map_err(|faults| faults.to_string())?;
    check::extension_of_key(key, &rule)
        .map_err(|reason| format!("rule {} finds it, and {reason}", rule.id))?;
    let captured = match captures.is_empty() {
        true => String::new(),
        false => format!(" with {captures:?}"),
    };
    let waits = match row.paused {
        true => "; it waits, because the rule is paused",
        false => "",
    };
    Ok(format!(
        "rule {} takes it{captured}: {}{waits}",
        rule.id,
        table(row)
    ))
}

#[cfg(test)]
mod tests {
    use longshore_domain::rule::ColumnRow;

    use super::*;

    fn row() -> RuleRow {
        let set = |text: &str| Some(text.to_owned());
        RuleRow {
            ext_file_config_sid: 71,
            file_prefix: "orders.".to_owned(),
            file_format: "csv".to_owned(),
            file_type: "csv".to_owned(),
            header_flag: "N".to_owned(),
            trailer_flag: "N".to_owned(),
            split_file_flag: "N".to_owned(),
            key_pattern: set("in/orders"),
            bucket: set("landing"),
            ignore_names: set("_SUCCESS"),
            tgt_schema_name: set("s"),
            tgt_table_name: set("t"),
            columns: vec![ColumnRow {
                column_name: "id".to_owned(),
                column_width_fixed: None,
            }],
            ..RuleRow::default()
        }
    }

    fn said(url: &str) -> String {
        let (bucket, key) = parse_s3_url(url).expect("an address");
        let rows = [row()];
        decide(&matching::find_announced(&rows, Some(&bucket), &key, None), &key).0
    }

    #[test]
    fn what_the_checks_of_the_name_would_reject_is_not_said_to_be_taken() {
        assert_eq!(said("s3://landing/in/orders/a.csv"), "rule 71 takes it: s.t");
        insta::assert_snapshot!(said("s3://landing/in/orders/a.json"), @r#"it would be rejected: rule 71 finds it, and the file's extension is "json", the rule's file_type is "csv""#);
    }

    #[test]
    fn another_bucket_and_a_name_that_is_passed_over_are_told_apart() {
        insta::assert_snapshot!(said("s3://other/in/orders/a.csv"), @r#"it would be rejected: no active rule matches (token "a")"#);
        insta::assert_snapshot!(said("s3://landing/in/orders/_SUCCESS"), @"it would be ignored: rule 71 passes it over (ignore_names)");
    }
}
