//! What a rule's follow-up is: a single statement, a list of steps, or the name of a chain.
//!
//! No SQL begins with `[` or with `chain:`, so a rule says which it is by its first characters, and a follow-up of the older
//! framework stays what it was.

use longshore_copy::transaction::{TransactionError, check_follow_up, is_call};
use longshore_domain::chain::{ChainDefaults, ChainFaults, ChainQuery, Pace, StatementRequest, check};
use longshore_domain::rule::FileRule;
use longshore_store::Chain;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::with_causes;

/// Begins a follow-up that names a chain.
const BY_NAME: &str = "chain:";
/// The waits of a step that says none; those of a load's own retries.
const PACE: Pace = Pace {
    initial_wait: 0.0,
    base_wait: 15.0,
    wait_multiplier: 1.0,
    max_wait: 600.0,
};
/// Statements that a follow-up may come to. All of them are looked at together, and lists of the ledger are bounded.
const MOST_TRIES: u32 = 500;
/// So much of a name may be mistyped for the nearest to be told: one character in three.
const LIKENESS: usize = 3;

/// A step of a follow-up as the plan of a load keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlannedStep {
    /// What is run, and how often it is tried by its own rules.
    pub query: ChainQuery,
    /// Whether it may run again by the rules of loads, after a run that failed in passing.
    pub repeats: bool,
}

/// A follow-up that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FollowUpFault {
    /// It is SQL, and the Data API would not run it.
    #[error(transparent)]
    Sql(#[from] TransactionError),
    /// It begins as a list does.
    #[error("it begins with [ and is no list in JSON: {problem}")]
    NotAList {
        /// What the reader says, with line and column.
        problem: String,
    },
    /// It is a list, or a chain, whose steps cannot run.
    #[error("{}", .0.join("; "))]
    Steps(Vec<String>),
    /// It names a chain that is not there.
    #[error("there is no chain {name:?}{}; see: longshore chain list", nearest_of(.nearest))]
    Unknown {
        /// The name.
        name: String,
        /// A name that is there and is like it.
        nearest: Option<String>,
    },
}

fn nearest_of(nearest: &Option<String>) -> String {
    let near = nearest.as_ref();
    near.map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

/// What a follow-up's text is. What a name stands for, only the control database knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FollowUp<'a> {
    /// A single statement.
    Sql,
    /// Steps.
    Steps(Vec<ChainQuery>),
    /// A chain by its name.
    Named(&'a str),
}

/// Reads a follow-up, as far as that can be judged without knowing the chains.
pub(crate) fn read(text: &str) -> Result<FollowUp<'_>, FollowUpFault> {
    if let Some(name) = named(text) {
        return Ok(FollowUp::Named(name));
    }
    if !text.trim_start().starts_with('[') {
        check_follow_up(text)?;
        return Ok(FollowUp::Sql);
    }
    let list = serde_json::from_str(text).map_err(|error| FollowUpFault::NotAList {
        problem: error.to_string(),
    })?;
    read_steps(&list).map(FollowUp::Steps)
}

/// The chain that a follow-up names, if it names one.
pub(crate) fn named(text: &str) -> Option<&str> {
    text.trim().strip_prefix(BY_NAME).map(str::trim)
}

/// What is wrong with a follow-up where these are the chains.
pub(crate) fn judge(text: &str, chains: &[Chain]) -> Result<(), FollowUpFault> {
    let FollowUp::Named(name) = read(text)? else {
        return Ok(());
    };
    let Some(found) = chains.iter().find(|chain| chain.name == name) else {
        return Err(unknown(name, chains));
    };
    read_chain(found).map(drop)
}

/// The steps of a chain on record: it may have been written by other hands than the command's.
pub(crate) fn read_chain(chain: &Chain) -> Result<Vec<ChainQuery>, FollowUpFault> {
    read_steps(&chain.queries).map_err(|fault| match fault {
        FollowUpFault::Steps(faults) => {
            let of_chain = |fault: String| format!("chain {}, {fault}", chain.name);
            FollowUpFault::Steps(faults.into_iter().map(of_chain).collect())
        }
        other => other,
    })
}

/// A name that no chain has.
pub(crate) fn unknown(name: &str, chains: &[Chain]) -> FollowUpFault {
    let like = |chain: &&Chain| distance(name, &chain.name) * LIKENESS <= chain.name.len().max(LIKENESS);
    let nearest = chains
        .iter()
        .filter(like)
        .min_by_key(|chain| distance(name, &chain.name));
    FollowUpFault::Unknown {
        name: name.to_owned(),
        nearest: nearest.map(|chain| chain.name.clone()),
    }
}

/// Everything that keeps a list from being the steps of a follow-up, each fault with its place.
///
/// # Errors
/// The faults, in the order of the steps.
pub fn check_chain(queries: &Value) -> Result<usize, Vec<String>> {
    match read_steps(queries) {
        Ok(steps) => Ok(steps.len()),
        Err(FollowUpFault::Steps(faults)) => Err(faults),
        Err(other) => Err(vec![with_causes(&other)]),
    }
}

fn read_steps(list: &Value) -> Result<Vec<ChainQuery>, FollowUpFault> {
    let mut steps = check(list, &defaults()).map_err(|ChainFaults(faults)| FollowUpFault::Steps(faults))?;
    let mut faults = Vec::new();
    let given = list.as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, (given, step)) in given.iter().zip(&steps).enumerate() {
        let place = format!("query {}", index + 1);
        faults.extend(not_for_a_follow_up(given, &place));
        if let Err(error) = check_follow_up(&step.request.sql) {
            faults.push(format!("{place}: {}", with_causes(&error)));
        }
    }
    let tries: u32 = steps.iter().map(|step| step.max_retries + 1).sum();
    if tries > MOST_TRIES {
        faults.push(format!(
            "its steps may come to {tries} tries, and a follow-up has {MOST_TRIES} at most; lower MaxRetries or take fewer steps"
        ));
    }
    if !faults.is_empty() {
        return Err(FollowUpFault::Steps(faults));
    }
    for step in &mut steps {
        // The place is the plan's.
        step.request = StatementRequest {
            sql: std::mem::take(&mut step.request.sql),
            ..StatementRequest::default()
        };
    }
    Ok(steps)
}

/// A step runs where the rows are, under the login that loaded them, and under a name by which its end is recognised.
fn not_for_a_follow_up(given: &Value, place: &str) -> Vec<String> {
    let parameters = given.get("ExecuteStatementParameters").and_then(Value::as_object);
    let names = parameters
        .into_iter()
        .flat_map(|fields| fields.keys())
        .filter(|name| *name != "Sql");
    let mut faults: Vec<String> = names
        .map(|name| {
            format!(
                "{place}, ExecuteStatementParameters.{name}: is not for a follow-up, which runs as its load does; leave Sql alone there"
            )
        })
        .collect();
    if given.get("StatementId").is_some() {
        faults.push(format!(
            "{place}, StatementId: is not for a follow-up, which is resumed by itself"
        ));
    }
    faults
}

/// That the place is never looked at, the check need not know.
fn defaults() -> ChainDefaults {
    ChainDefaults {
        request: StatementRequest {
            workgroup_name: Some("of the plan".to_owned()),
            database: Some("of the plan".to_owned()),
            ..StatementRequest::default()
        },
        pace: PACE,
        max_retries: 0,
    }
}

/// The steps with what the rule says about running them again.
pub(crate) fn plan_steps(rule: &FileRule, steps: Vec<ChainQuery>) -> Vec<PlannedStep> {
    let steps = steps.into_iter().map(|query| PlannedStep {
        repeats: repeats(rule, &query.request.sql),
        query,
    });
    steps.collect()
}

/// A statement that failed left nothing behind, unless it is a CALL: its procedure may have committed halfway.
pub(crate) fn repeats(rule: &FileRule, sql: &str) -> bool {
    rule.follow_up_repeats.unwrap_or_else(|| !is_call(sql))
}

/// How many letters must be added, taken away or exchanged to get from one name to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn chains() -> Vec<Chain> {
        let of = |name: &str, queries: Value| Chain::new(name, queries, DateTime::UNIX_EPOCH);
        vec![
            of("daily_totals", json!(["SELECT 1", "SELECT 2"])),
            of("broken", json!(["SELECT 1", ""])),
        ]
    }

    #[rstest]
    #[case::sql("call s.p();")]
    #[case::list(r#"["DELETE FROM s.a", {"ExecuteStatementParameters": "SELECT 1", "MaxRetries": 2}]"#)]
    #[case::list_after_blanks("\n  [\"SELECT 1\"]")]
    #[case::name("chain:daily_totals")]
    #[case::name_with_blanks(" chain: daily_totals ")]
    fn what_can_run_is_taken(#[case] text: &str) {
        assert_eq!(judge(text, &chains()), Ok(()));
    }

    #[rstest]
    #[case(
        "SELECT 1; SELECT 2",
        "the follow-up holds 2 statements, and the Data API runs one; leave it NULL or put them into a procedure and call that"
    )]
    #[case(
        "[\"SELECT 1\",]",
        "it begins with [ and is no list in JSON: trailing comma at line 1 column 13"
    )]
    #[case("[]", "the chain holds no query")]
    #[case(
        r#"["SELECT 1", {"ExecuteStatementParameters": "SELECT 1", "MaxRetry": 1}]"#,
        "query 2, MaxRetry: is not a field of a query"
    )]
    #[case(
        r#"["SELECT 1", "SELECT 2; SELECT 3"]"#,
        "query 2: the follow-up holds 2 statements, and the Data API runs one; leave it NULL or put them into a procedure and call that"
    )]
    #[case(
        r#"[{"ExecuteStatementParameters": {"Sql": "SELECT 1", "Database": "dev"}}]"#,
        "query 1, ExecuteStatementParameters.Database: is not for a follow-up, which runs as its load does; leave Sql alone there"
    )]
    #[case(
        r#"[{"ExecuteStatementParameters": "SELECT 1", "StatementId": ""}]"#,
        "query 1, StatementId: is not for a follow-up, which is resumed by itself"
    )]
    #[case(
        "chain:daily_total",
        "there is no chain \"daily_total\"; did you mean daily_totals?; see: longshore chain list"
    )]
    #[case("chain:xyz", "there is no chain \"xyz\"; see: longshore chain list")]
    #[case("chain:broken", "chain broken, query 2: holds no SQL")]
    fn what_cannot_run_is_refused_with_its_place(#[case] text: &str, #[case] problem: &str) {
        assert_eq!(judge(text, &chains()).unwrap_err().to_string(), problem);
    }

    #[test]
    fn a_follow_up_that_might_never_end_is_refused() {
        let step = json!({"ExecuteStatementParameters": "SELECT 1", "MaxRetries": 100});
        let faults = check_chain(&json!([step, step, step, step, step])).unwrap_err();
        assert_eq!(
            faults,
            [
                "its steps may come to 505 tries, and a follow-up has 500 at most; lower MaxRetries or take fewer steps"
            ]
        );
    }

    #[test]
    fn a_planned_step_reads_back_from_the_ledger() {
        let list = json!([{"ExecuteStatementParameters": "SELECT 1", "MaxRetries": 2, "BaseWaitTime": 5,
            "RetryErrorMatch": "conflict|^ERROR.*1023$"}]);
        let steps: Vec<PlannedStep> = read_steps(&list)
            .unwrap()
            .into_iter()
            .map(|query| PlannedStep { query, repeats: true })
            .collect();
        let kept = serde_json::to_value(&steps).unwrap();
        assert_eq!(serde_json::from_value::<Vec<PlannedStep>>(kept).unwrap(), steps);
    }
}
