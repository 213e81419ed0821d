//! What PostgreSQL has and Redshift has not: it would work here and fail in the service.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html> and the two pages beside it, of functions and of types.
//! PG_SLEEP and GENERATE_SERIES are let through: tests need a statement that takes time and one with many rows.

use super::{Cursor, SqlError, Token, TokenKind};

const FUNCTIONS: [&str; 32] = [
    "array_agg",
    "bit_length",
    "clock_timestamp",
    "convert_from",
    "convert_to",
    "corr",
    "covar_pop",
    "covar_samp",
    "div",
    "encode",
    "every",
    "format",
    "justify_days",
    "justify_hours",
    "justify_interval",
    "overlay",
    "quote_nullable",
    "regexp_matches",
    "regexp_split_to_array",
    "regexp_split_to_table",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "setseed",
    "string_agg",
    "transaction_timestamp",
];

const TYPES: [&str; 26] = [
    "bigserial",
    "bit",
    "box",
    "bytea",
    "cidr",
    "circle",
    "hstore",
    "inet",
    "int4range",
    "json",
    "jsonb",
    "line",
    "lseg",
    "macaddr",
    "money",
    "path",
    "point",
    "polygon",
    "serial",
    "serial4",
    "serial8",
    "smallserial",
    "tsquery",
    "tsvector",
    "uuid",
    "xml",
];

/// Refuses a construct that begins with the word at `index`, wherever an expression or a statement may stand.
pub(super) fn check_word(tokens: &[Token<'_>], index: usize) -> Result<(), SqlError> {
    let word = &tokens[index];
    let follows = |distance: usize, words: &[&str]| {
        let next = tokens.get(index + distance);
        next.is_some_and(|next| {
            words
                .iter()
                .any(|word| next.is_word(word) || next.is_symbol(word))
        })
    };
    let is_call = follows(1, &["("]);
    let is_number = tokens
        .get(index + 2)
        .is_some_and(|next| next.kind == TokenKind::Number);
    let is_time = ["timestamp", "timestamptz", "time", "timetz"]
        .iter()
        .any(|time| word.is_word(time));
    if is_call && FUNCTIONS.iter().any(|name| word.is_word(name)) {
        Err(SqlError::foreign(word.text.to_ascii_uppercase()))
    } else if word.is_word("returning") {
        Err(SqlError::foreign("RETURNING"))
    } else if word.is_word("on") && follows(1, &["conflict"]) && follows(2, &["do", "on", "("]) {
        Err(SqlError::foreign("ON CONFLICT"))
    } else if word.is_word("distinct") && follows(1, &["on"]) && follows(2, &["("]) {
        Err(SqlError::foreign("DISTINCT ON"))
    } else if word.is_word("filter") && is_call && follows(2, &["where"]) {
        Err(SqlError::foreign("FILTER of an aggregate"))
    } else if is_time && is_call && is_number {
        Err(SqlError::Refused {
            message: "timestamp or timestamp with time zone do not support precision".to_owned(),
        })
    } else {
        Ok(())
    }
}

/// Refuses a type by its name.
pub(super) fn check_type(kind: &Token<'_>) -> Result<(), SqlError> {
    match TYPES.iter().any(|name| kind.is_word(name)) {
        true => Err(SqlError::foreign(format!(
            "the type {}",
            kind.text.to_ascii_uppercase()
        ))),
        false => Ok(()),
    }
}

/// Refuses the type of a column, whose definition these are the tokens of.
pub(super) fn check_column(tokens: &[Token<'_>]) -> Result<(), SqlError> {
    let [_, kind, rest @ ..] = tokens else {
        return Ok(());
    };
    check_type(kind)?;
    let is_array = |token: &Token<'_>| token.is_symbol("[") || token.is_word("array");
    if rest.first().is_some_and(is_array) || rest.get(3).is_some_and(is_array) && rest[0].is_symbol("(") {
        return Err(SqlError::foreign("a type of arrays"));
    }
    match rest.iter().find(|token| token.is_word("check")) {
        Some(_) => Err(SqlError::foreign("a CHECK constraint")),
        None => Ok(()),
    }
}

/// `TRUNCATE [TABLE] name`, and no other name.
pub(super) fn check_truncate(tokens: &[Token<'_>]) -> Result<(), SqlError> {
    match tokens.iter().any(|token| token.is_symbol(",")) {
        true => Err(SqlError::foreign("TRUNCATE of several tables")),
        false => Ok(()),
    }
}

/// `… WHEN MATCHED THEN {UPDATE … | DELETE} WHEN NOT MATCHED THEN INSERT …`: both, in this order, and nothing beside them.
///
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html>
pub(super) fn check_merge(tokens: &[Token<'_>]) -> Result<(), SqlError> {
    let mut arms = Vec::new();
    let mut cursor = Cursor::new(tokens);
    while cursor.peek().is_some() {
        let is_arm = cursor.looks_at(&["when", "matched"]) || cursor.looks_at(&["when", "not", "matched"]);
        if is_arm {
            arms.push(cursor.clone());
        }
        cursor.next();
    }
    let begins = |arm: &Cursor<'_>, forms: &[&[&str]]| forms.iter().any(|form| arm.looks_at(form));
    let is_complete = match arms.as_slice() {
        [matched, not_matched] => {
            begins(
                matched,
                &[
                    &["when", "matched", "then", "update"],
                    &["when", "matched", "then", "delete"],
                ],
            ) && begins(not_matched, &[&["when", "not", "matched", "then", "insert"]])
        }
        _ => false,
    };
    if is_complete {
        return Ok(());
    }
    Err(SqlError::foreign(
        "MERGE but with WHEN MATCHED THEN {UPDATE | DELETE} and then WHEN NOT MATCHED THEN INSERT",
    ))
}
