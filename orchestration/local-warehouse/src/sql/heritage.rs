//! Where a new table has its columns from: `CREATE TABLE … AS` and `LIKE`.

use super::{Cursor, SqlError, Token, tokenize};

/// What a new table takes its columns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heritage {
    /// Another table, by its name.
    Table(String),
    /// A query.
    Query(String),
}

/// The name of the table that a CREATE TABLE in PostgreSQL's words makes, and where it has its columns from if they are not all its own.
///
/// # Errors
/// [`SqlError::Syntax`] when it is no CREATE TABLE.
pub(crate) fn heritage(text: &str) -> Result<(String, Option<Heritage>), SqlError> {
    let tokens = tokenize(text)?;
    let mut cursor = Cursor::new(&tokens);
    while !cursor.accept(&["table"]) {
        if cursor.next().is_none() {
            return Err(cursor.error());
        }
    }
    cursor.accept(&["if", "not", "exists"]);
    let name = cursor.qualified_name()?;
    let items = cursor.clone();
    if cursor.looks_at(&["("]) {
        let close = cursor.skip_parentheses()?;
        if let Some(table) = table_alike(items, close) {
            return Ok((name, Some(Heritage::Table(table))));
        }
    }
    let query = cursor
        .accept(&["as"])
        .then(|| Heritage::Query(text[cursor.offset()..].to_owned()));
    Ok((name, query))
}

/// The table of a LIKE that stands where a column could.
fn table_alike(mut cursor: Cursor<'_>, close: Token<'_>) -> Option<String> {
    let mut is_first = false;
    while let Some(token) = cursor.next().filter(|token| token.start < close.start) {
        if is_first && token.is_word("like") {
            return cursor.qualified_name().ok();
        }
        is_first = token.is_symbol("(") || token.is_symbol(",");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_queries_are_told_from_columns() {
        let table = |name: &str| Some(Heritage::Table(name.to_owned()));
        let query = |text: &str| Some(Heritage::Query(text.to_owned()));
        for (text, name, found) in [
            ("create table t (a int, b varchar(3) default 'like')", "t", None),
            (
                "create temp table if not exists s.t (like s.u)",
                "s.t",
                table("s.u"),
            ),
            (
                "create table t (a int, like \"U\" including defaults)",
                "t",
                table("\"U\""),
            ),
            ("create table t (a boolean default 'x' like 'y')", "t", None),
            ("create table t as (select 1)", "t", query("(select 1)")),
            (
                "create table t (a) as select b from u",
                "t",
                query("select b from u"),
            ),
        ] {
            assert_eq!(heritage(text).unwrap(), (name.to_owned(), found), "{text}");
        }
    }
}
