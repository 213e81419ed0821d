//! The table that the state machine is held to as well.

use std::time::Duration;

use serde_json::Value;

use super::*;

fn table() -> Value {
    serde_json::from_str(include_str!(
        "../../../../orchestration/state-machines/decisions.json"
    ))
    .unwrap()
}

fn rows(table: &Value, name: &str) -> Vec<Value> {
    let rows = table[name].as_array().unwrap().clone();
    assert!(!rows.is_empty(), "{name}");
    rows
}

fn texts(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

fn seconds(row: &Value) -> Vec<Duration> {
    let seconds = row["seconds"].as_array().unwrap();
    seconds
        .iter()
        .map(|seconds| Duration::from_secs(seconds.as_u64().unwrap()))
        .collect()
}

fn pace(row: &Value) -> Pace {
    Pace {
        initial_wait: 0.0,
        base_wait: row["BaseWaitTime"].as_f64().unwrap(),
        wait_multiplier: row["WaitMultiplier"].as_f64().unwrap_or(1.0),
        max_wait: row["MaxWait"].as_f64().unwrap(),
    }
}

/// The defaults of the table with those of a row over them; all are texts there, as a template's parameters are.
fn defaults(table: &Value, row: &Value) -> ChainDefaults {
    let text = |name: &str| {
        let value = row["defaults"].get(name).unwrap_or(&table["defaults"][name]);
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let number = |name: &str| text(name).unwrap().parse::<f64>().unwrap();
    ChainDefaults {
        request: StatementRequest {
            cluster_identifier: text("ClusterIdentifier"),
            workgroup_name: text("WorkgroupName"),
            database: text("Database"),
            db_user: text("DbUser"),
            secret_arn: text("SecretArn"),
            ..StatementRequest::default()
        },
        pace: Pace {
            initial_wait: number("InitialWaitTime"),
            base_wait: number("BaseWaitTime"),
            wait_multiplier: number("WaitMultiplier"),
            max_wait: number("MaxWait"),
        },
        max_retries: text("MaxRetries").unwrap().parse().unwrap(),
    }
}

/// 1 and 1.0 are one number in JSON.
fn with_plain_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(with_plain_numbers).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), with_plain_numbers(value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn patterns_match_and_are_refused_as_the_table_says() {
    for row in rows(&table(), "patterns") {
        let text = row["pattern"].as_str().unwrap();
        let parsed = ErrorPattern::parse(text).map_err(|fault| fault.to_string());
        if let Some(fault) = row["fault"].as_str() {
            assert_eq!(parsed.unwrap_err(), fault, "{text}");
            continue;
        }
        let pattern = parsed.unwrap();
        for error in texts(&row["matches"]) {
            assert!(pattern.matches(&error), "{text} must match {error}");
        }
        for error in texts(&row["misses"]) {
            assert!(!pattern.matches(&error), "{text} must not match {error}");
        }
    }
}

/// What a chain takes of regular expressions means what it means to everybody.
#[test]
fn what_is_taken_means_what_it_means_to_the_regex_crate() {
    for row in rows(&table(), "patterns") {
        if row["fault"].is_string() {
            continue;
        }
        let text = row["pattern"].as_str().unwrap();
        let regex = regex::Regex::new(&format!("(?s){text}")).unwrap();
        for error in texts(&row["matches"]) {
            assert!(regex.is_match(&error), "{text} must match {error}");
        }
        for error in texts(&row["misses"]) {
            assert!(!regex.is_match(&error), "{text} must not match {error}");
        }
    }
}

#[test]
fn waits_between_looks_grow_as_the_table_says() {
    for row in rows(&table(), "looks") {
        let expected = seconds(&row);
        let waits: Vec<Duration> = pace(&row).looks().take(expected.len()).collect();
        assert_eq!(waits, expected, "{row}");
    }
}

#[test]
fn pauses_between_tries_are_drawn_as_the_table_says() {
    for row in rows(&table(), "pauses") {
        let mut pauses = pace(&row).pauses();
        let draws = row["draws"].as_array().unwrap();
        let drawn: Vec<Duration> = draws
            .iter()
            .map(|draw| pauses.next(draw.as_f64().unwrap()))
            .collect();
        assert_eq!(drawn, seconds(&row), "{row}");
    }
}

#[test]
fn failures_are_judged_as_the_table_says() {
    for row in rows(&table(), "verdicts") {
        let given = serde_json::json!([{
            "ExecuteStatementParameters": "select 1",
            "MaxRetries": row["MaxRetries"], "RetryErrorMatch": row["RetryErrorMatch"],
        }]);
        let query = check(&given, &defaults(&table(), &row)).unwrap().remove(0);
        let attempt = u32::try_from(row["attempt"].as_u64().unwrap()).unwrap();
        let then = match query.judge(attempt, row["error"].as_str().unwrap()) {
            Verdict::TryAgain => "Draw a pause",
            Verdict::NotToRetry => "Fail: not an error to retry",
            Verdict::TriedEnough => "Fail: tried often enough",
        };
        assert_eq!(then, row["then"], "{row}");
    }
}

#[test]
fn a_chain_stops_with_the_sentences_of_the_table() {
    let table = table();
    let sentences = &table["sentences"];
    let query = "query 2 of 3".to_owned();
    let statement = sentences["statement"].as_str().unwrap().to_owned();
    let error = "boom".to_owned();
    let attempt = 4;
    let stops = [
        (
            "Fail: not an error to retry",
            ChainStop::NotToRetry {
                query: query.clone(),
                attempt,
                statement: statement.clone(),
                error: error.clone(),
            },
        ),
        (
            "Fail: tried often enough",
            ChainStop::TriedEnough {
                query: query.clone(),
                attempt,
                statement: statement.clone(),
                error,
            },
        ),
        (
            "Fail: it was cancelled",
            ChainStop::Cancelled {
                query: query.clone(),
                attempt,
                statement: statement.clone(),
            },
        ),
        (
            "Fail: the statement is unknown",
            ChainStop::StatementUnknown { query, statement },
        ),
    ];
    for (state, stop) in stops {
        assert_eq!(stop.to_string(), sentences[state].as_str().unwrap());
    }
}

#[test]
fn chains_are_completed_or_refused_as_the_table_says() {
    let table = table();
    for row in rows(&table, "chains") {
        let name = &row["name"];
        let checked = check(&row["given"], &defaults(&table, &row));
        match &row["faults"] {
            Value::Null => {
                let queries = serde_json::to_value(checked.unwrap()).unwrap();
                assert_eq!(
                    with_plain_numbers(&queries),
                    with_plain_numbers(&row["queries"]),
                    "{name}"
                );
            }
            faults => assert_eq!(checked.unwrap_err().0, texts(faults), "{name}"),
        }
    }
}

#[test]
fn a_chain_that_is_no_list_or_empty_is_refused() {
    let table = table();
    let refused = |given: Value| {
        let faults = check(&given, &defaults(&table, &Value::Null)).unwrap_err();
        faults.to_string()
    };
    insta::assert_snapshot!(refused(serde_json::json!({"a": 1})), @"nothing was run: the chain must be a list of queries");
    insta::assert_snapshot!(refused(serde_json::json!([])), @"nothing was run: the chain holds no query");
}
