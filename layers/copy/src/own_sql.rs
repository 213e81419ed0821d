//! The operator's own SQL within the load transaction, `pre_sql` and `post_sql` of a rule, and what its placeholders stand for.
//!
//! It is sent as it stands but for its `{placeholders}`, which are filled from the key as literals: what a file is called can
//! not become SQL. Only statements that are known to leave the transaction alone may stand there. A list of those that do not
//! would never be whole, and one that is missed lets go of a load halfway.

use longshore_domain::matching::{Captures, fill_placeholders};
use longshore_domain::rule::{FileRule, LoadMode, Period, RuleFault};

use crate::literal::Literal;
use crate::split::{pieces, split_statements};
use crate::transaction::TransactionError;

/// How many statements each column may hold. The Data API takes 40 in one batch, and the load's own are 13 at most.
const MOST_STATEMENTS: usize = 10;

/// What a statement may begin with.
const STAYS_WITHIN: &[&[&str]] = &[
    &["select"],
    &["with"],
    &["insert"],
    &["update"],
    &["delete"],
    &["merge"],
    &["create", "table"],
    &["create", "temp", "table"],
    &["create", "temporary", "table"],
    &["create", "local", "temp", "table"],
    &["create", "local", "temporary", "table"],
    &["drop", "table"],
];

/// What people write here most, and why it cannot stand.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html>,
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html>,
/// <https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-transaction-management.html>
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["truncate"],
        "TRUNCATE commits, and half of the load with it; write DELETE FROM",
    ),
    (
        &["call"],
        "a procedure may commit on its way, and half of the load with it; write its statements here, or call it by query, after \
         the load",
    ),
    (
        &["alter"],
        "ALTER TABLE APPEND commits, and other forms of ALTER cannot run within a transaction; run it by query, after the load",
    ),
    (&["vacuum"], "VACUUM cannot run within a transaction; take it out"),
    (&["begin"], TRANSACTION),
    (&["start"], TRANSACTION),
    (&["commit"], TRANSACTION),
    (&["end"], TRANSACTION),
    (&["rollback"], TRANSACTION),
    (&["abort"], TRANSACTION),
];

const TRANSACTION: &str = "the load is one transaction, which begins and ends by itself; take it out";

/// Every fault of a rule's `pre_sql` and `post_sql`.
pub(crate) fn own_sql_faults(rule: &FileRule) -> Vec<RuleFault> {
    let mut faults = Vec::new();
    for (column, sql) in [("pre_sql", &rule.pre_sql), ("post_sql", &rule.post_sql)] {
        let Some(sql) = sql else { continue };
        let problems = problems(rule, sql);
        faults.extend(
            problems
                .into_iter()
                .map(|problem| RuleFault::new(column, problem)),
        );
    }
    faults
}

fn problems(rule: &FileRule, sql: &str) -> Vec<String> {
    let statements = split_statements(sql);
    match statements.len() {
        0 => return vec!["holds no statement; write one or leave it NULL".to_owned()],
        1..=MOST_STATEMENTS => {}
        count => {
            return vec![format!(
                "holds {count} statements, and at most {MOST_STATEMENTS} may stand in one load"
            )];
        }
    }
    let mut problems = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let place = match statements.len() {
            1 => String::new(),
            _ => format!("statement {}: ", index + 1),
        };
        let found = begins_amiss(statement)
            .into_iter()
            .chain(placeholder_problems(rule, statement));
        problems.extend(found.map(|problem| format!("{place}{problem}")));
    }
    problems
}

/// Why a statement cannot run within the load's transaction, as far as its first words say.
fn begins_amiss(statement: &str) -> Option<String> {
    let words: Vec<String> = pieces(statement)
        .filter(|piece| !is_blank(piece))
        .take(4)
        .map(str::to_ascii_lowercase)
        .collect();
    let begins_with = |beginning: &[&str]| {
        words.len() >= beginning.len() && words.iter().zip(beginning).all(|(word, known)| word == known)
    };
    if STAYS_WITHIN.iter().any(|beginning| begins_with(beginning)) {
        return None;
    }
    let known = REFUSED.iter().find(|(beginning, _)| begins_with(beginning));
    Some(known.map_or_else(
        || {
            format!(
                "{:?} is not known to leave a transaction alone; SELECT, WITH, INSERT, UPDATE, DELETE, MERGE, CREATE TABLE \
                 and DROP TABLE may stand here",
                words.first().map(String::as_str).unwrap_or_default()
            )
        },
        |(_, reason)| (*reason).to_owned(),
    ))
}

fn is_blank(piece: &str) -> bool {
    piece.starts_with("--") || piece.starts_with("/*") || piece.trim().is_empty()
}

fn placeholder_problems(rule: &FileRule, statement: &str) -> Vec<String> {
    let parts = match parts(statement) {
        Ok(parts) => parts,
        Err(problem) => return vec![problem],
    };
    let mut problems: Vec<String> = open_to_injection(&parts).into_iter().collect();
    for part in parts {
        match part {
            Part::Placeholder(name) => problems.extend(rule.matcher.check_capture(name).err()),
            Part::Sql(sql) => problems.extend(quoted_placeholder(rule, sql)),
        }
    }
    problems
}

/// Redshift takes a backslash in a text for an escape and we do not: where `'\'` ends for us it goes on for Redshift, and what
/// is filled in behind it would be read as SQL.
fn open_to_injection(parts: &[Part<'_>]) -> Option<String> {
    let is_filled = parts.iter().any(|part| matches!(part, Part::Placeholder(_)));
    let has_backslash = |part: &Part<'_>| matches!(part, Part::Sql(sql) if sql.contains('\\'));
    (is_filled && parts.iter().any(has_backslash))
        .then(|| "a backslash may not stand beside a placeholder; write CHR(92)".to_owned())
}

/// A placeholder within quotes would stay as it is and match nothing, without a word.
fn quoted_placeholder(rule: &FileRule, sql: &str) -> Option<String> {
    let text = sql.strip_prefix('\'')?;
    let (_, after) = text.split_once('{')?;
    let (name, _) = after.split_once('}')?;
    rule.matcher.check_capture(name).ok()?;
    Some(format!(
        "{{{name}}} stands in quotes, where it is not filled; write it without, as it brings quotes of its own"
    ))
}

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'sql> {
    /// Sent as it is.
    Sql(&'sql str),
    /// Filled from the key.
    Placeholder(&'sql str),
}

/// A statement cut at its placeholders. A brace has no meaning of its own in SQL outside of quotes.
fn parts(statement: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut pieces = pieces(statement);
    while let Some(piece) = pieces.next() {
        match piece {
            "{" => match (pieces.next(), pieces.next()) {
                (Some(name), Some("}")) => parts.push(Part::Placeholder(name)),
                _ => {
                    return Err(
                        "a brace outside of quotes begins a placeholder, such as {business_date}, and one here does not"
                            .to_owned(),
                    );
                }
            },
            _ => parts.push(Part::Sql(piece)),
        }
    }
    Ok(parts)
}

/// Says which placeholder of a rule's SQL and period a key does not fill, so that its file would be refused.
///
/// # Errors
/// [`TransactionError::NotInTheKey`], and [`TransactionError::NotAText`] for a capture that no text can hold.
pub fn check_placeholders(rule: &FileRule, captures: &Captures) -> Result<(), TransactionError> {
    if let LoadMode::ReplacePeriod(period) = &rule.mode {
        period_value(period, captures)?;
        period_end(period, captures)?;
    }
    render_own_sql("pre_sql", rule.pre_sql.as_deref(), captures)?;
    render_own_sql("post_sql", rule.post_sql.as_deref(), captures)?;
    Ok(())
}

/// The period of a file whose key gave these captures; of a span, its beginning.
pub(crate) fn period_value(period: &Period, captures: &Captures) -> Result<Literal, TransactionError> {
    filled("period_value", &period.value, captures)
}

/// The end of a span.
pub(crate) fn period_end(period: &Period, captures: &Captures) -> Result<Option<Literal>, TransactionError> {
    let end = period.end.as_deref();
    end.map(|end| filled("period_end", end, captures)).transpose()
}

fn filled(column: &'static str, template: &str, captures: &Captures) -> Result<Literal, TransactionError> {
    let value = fill_placeholders(template, captures)
        .map_err(|placeholder| TransactionError::NotInTheKey { column, placeholder })?;
    literal(column, &value)
}

fn literal(part: &'static str, text: &str) -> Result<Literal, TransactionError> {
    Literal::new(text).map_err(|source| TransactionError::NotAText { part, source })
}

/// The statements of one column, their placeholders filled as literals.
pub(crate) fn render_own_sql(
    column: &'static str,
    sql: Option<&str>,
    captures: &Captures,
) -> Result<Vec<String>, TransactionError> {
    let statements = split_statements(sql.unwrap_or_default());
    statements
        .iter()
        .map(|statement| fill(column, statement, captures))
        .collect()
}

fn fill(column: &'static str, statement: &str, captures: &Captures) -> Result<String, TransactionError> {
    let parts = parts(statement).map_err(|_| TransactionError::NotInTheKey {
        column,
        placeholder: "{".to_owned(),
    })?;
    let mut filled = String::with_capacity(statement.len());
    for part in parts {
        match part {
            Part::Sql(sql) => filled.push_str(sql),
            Part::Placeholder(name) => filled.push_str(&captured(column, name, captures)?.to_string()),
        }
    }
    Ok(filled)
}

/// What the key gave. A blank is refused: it would name another period than the operator meant.
fn captured(column: &'static str, name: &str, captures: &Captures) -> Result<Literal, TransactionError> {
    let value = captures.get(name).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| TransactionError::NotInTheKey {
        column,
        placeholder: name.to_owned(),
    })?;
    literal("placeholder of the rule's SQL", value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn captures() -> Captures {
        Captures::from([
            ("day".to_owned(), "20261121".to_owned()),
            ("nobody".to_owned(), "O'Hara; DROP TABLE t".to_owned()),
            ("blank".to_owned(), String::new()),
        ])
    }

    fn render(sql: &str) -> Result<Vec<String>, TransactionError> {
        render_own_sql("pre_sql", Some(sql), &captures())
    }

    #[rstest]
    #[case("DELETE FROM a")]
    #[case("/* c; */ -- d\n with x as (select 1) select * from x")]
    #[case("CREATE /* x */ LOCAL  TEMP\nTABLE a (b int)")]
    #[case("drop table a")]
    fn what_leaves_the_transaction_alone_may_stand(#[case] sql: &str) {
        assert_eq!(begins_amiss(sql), None);
    }

    #[rstest]
    #[case("truncate a", "TRUNCATE commits")]
    #[case("TRUNCATE TABLE a", "write DELETE FROM")]
    #[case("COMMIT", "the load is one transaction")]
    #[case("/* x */ end", "the load is one transaction")]
    #[case("call p()", "may commit on its way")]
    #[case("alter table a append from b", "ALTER TABLE APPEND commits")]
    #[case("vacuum a", "VACUUM cannot run")]
    #[case("create external table a (b int)", "\"create\" is not known")]
    #[case("deletefrom a", "\"deletefrom\" is not known")]
    #[case("(select 1)", "\"(\" is not known")]
    fn what_may_not_stand_is_refused_with_the_reason(#[case] sql: &str, #[case] says: &str) {
        let problem = begins_amiss(sql).unwrap();
        assert!(problem.contains(says), "{problem}");
    }

    #[test]
    fn placeholders_become_literals_and_nothing_else() {
        let filled =
            render("DELETE FROM a WHERE d = {day} -- {day}\n AND n = {nobody}; SELECT '{day}', \"{day}\"")
                .unwrap();
        assert_eq!(
            filled,
            [
                "DELETE FROM a WHERE d = '20261121' -- {day}\n AND n = 'O''Hara; DROP TABLE t'",
                "SELECT '{day}', \"{day}\""
            ]
        );
    }

    #[test]
    fn what_the_key_did_not_give_is_named() {
        for (sql, name) in [("SELECT {zone}", "zone"), ("SELECT {blank}", "blank")] {
            let refused = TransactionError::NotInTheKey {
                column: "pre_sql",
                placeholder: name.to_owned(),
            };
            assert_eq!(render(sql), Err(refused));
        }
    }

    #[test]
    fn a_brace_that_begins_no_placeholder_is_noticed() {
        for sql in ["SELECT {", "SELECT {day", "SELECT { day }", "SELECT {}"] {
            assert!(parts(sql).is_err(), "{sql}");
        }
    }
}
