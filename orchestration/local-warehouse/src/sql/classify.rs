//! Which kind of statement a text is.

use super::{Cursor, SqlError, tokenize};

/// How a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementKind {
    /// COPY from S3: ours to run.
    Copy,
    /// TRUNCATE, which commits.
    Truncate,
    /// Refused inside a transaction, run on its own outside.
    OutsideTransaction,
    /// Changes only how Redshift keeps the rows: nothing to do here.
    PhysicalOnly,
    /// CREATE TABLE in all its forms.
    CreateTable,
    /// ALTER TABLE.
    AlterTable,
    /// CREATE PROCEDURE and CREATE FUNCTION.
    CreateRoutine,
    /// INSERT, UPDATE, DELETE, MERGE: its count of rows means something.
    Change,
    /// SELECT, WITH, SHOW: returns rows.
    Query,
    /// Anything else that PostgreSQL understands as Redshift does.
    Other,
}

/// A kind, and the words that name the statement in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Classified {
    /// How it is run.
    pub(crate) kind: StatementKind,
    /// Its name, such as `VACUUM`.
    pub(crate) name: &'static str,
}

/// Beginnings of statements, the longest of a family first.
const BEGINNINGS: &[(&[&str], StatementKind, &str)] = {
    use StatementKind::*;
    &[
        (&["copy"], Copy, "COPY"),
        (&["truncate"], Truncate, "TRUNCATE"),
        (&["vacuum"], OutsideTransaction, "VACUUM"),
        (&["create", "database"], OutsideTransaction, "CREATE DATABASE"),
        (&["drop", "database"], OutsideTransaction, "DROP DATABASE"),
        (&["alter", "table"], AlterTable, "ALTER TABLE"),
        (&["insert"], Change, "INSERT"),
        (&["update"], Change, "UPDATE"),
        (&["delete"], Change, "DELETE"),
        (&["merge"], Change, "MERGE"),
        (&["select"], Query, "SELECT"),
        (&["with"], Query, "WITH"),
        (&["show"], Query, "SHOW"),
        (&["values"], Query, "VALUES"),
        (&["("], Query, "SELECT"),
        (&["explain"], Query, "EXPLAIN"),
        (&["analyze"], Other, "ANALYZE"),
        (&["analyse"], Other, "ANALYZE"),
        (&["call"], Other, "CALL"),
        (&["lock"], Other, "LOCK"),
        (&["set"], Other, "SET"),
        (&["reset"], Other, "RESET"),
        (&["comment"], Other, "COMMENT"),
        (&["grant"], Other, "GRANT"),
        (&["revoke"], Other, "REVOKE"),
        (&["drop"], Other, "DROP"),
        (&["alter"], Other, "ALTER"),
        (&["create", "schema"], Other, "CREATE SCHEMA"),
        (&["create", "view"], Other, "CREATE VIEW"),
        (&["create", "or", "replace", "view"], Other, "CREATE VIEW"),
        (&["create", "user"], Other, "CREATE USER"),
        (&["create", "group"], Other, "CREATE GROUP"),
        (&["create", "role"], Other, "CREATE ROLE"),
    ]
};

/// Statements that Redshift has and this warehouse has not.
const UNSUPPORTED: &[(&[&str], &str)] = &[
    (&["unload"], "UNLOAD"),
    (&["create", "external"], "CREATE EXTERNAL"),
    (&["create", "library"], "CREATE LIBRARY"),
    (&["create", "model"], "CREATE MODEL"),
    (&["create", "datashare"], "CREATE DATASHARE"),
    (&["create", "materialized"], "CREATE MATERIALIZED VIEW"),
    (&["refresh", "materialized"], "REFRESH MATERIALIZED VIEW"),
    (&["analyze", "compression"], "ANALYZE COMPRESSION"),
    (&["prepare"], "PREPARE"),
    (&["execute"], "EXECUTE"),
    (&["declare"], "DECLARE"),
    (&["fetch"], "FETCH"),
    (&["cancel"], "CANCEL"),
    (&["use"], "USE"),
];

const TRANSACTION_CONTROL: [&str; 8] = [
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
];

/// Tells what kind of statement a text is.
///
/// # Errors
/// [`SqlError::Unsupported`] by name for what Redshift has and this warehouse has not; [`SqlError::Syntax`] for what neither has.
pub(crate) fn classify(text: &str) -> Result<Classified, SqlError> {
    let tokens = tokenize(text)?;
    let cursor = Cursor::new(&tokens);
    if let Some(word) = TRANSACTION_CONTROL.iter().find(|word| cursor.looks_at(&[word])) {
        return Err(SqlError::unsupported(format!(
            "transaction control ({})",
            word.to_uppercase()
        )));
    }
    if let Some((_, name)) = UNSUPPORTED.iter().find(|(words, _)| cursor.looks_at(words)) {
        return Err(SqlError::unsupported(*name));
    }
    if cursor.looks_at(&["create"])
        && let Some(classified) = classify_creation(cursor.clone())
    {
        return Ok(classified);
    }
    let found = BEGINNINGS.iter().find(|(words, ..)| cursor.looks_at(words));
    match found {
        Some((_, StatementKind::AlterTable, _)) => Ok(classify_alter_table(cursor)),
        Some((_, kind, name)) => Ok(Classified { kind: *kind, name }),
        None => Err(cursor.error()),
    }
}

fn classify_creation(mut cursor: Cursor<'_>) -> Option<Classified> {
    cursor.accept(&["create"]);
    cursor.accept(&["or", "replace"]);
    if cursor.looks_at(&["procedure"]) || cursor.looks_at(&["function"]) {
        return Some(Classified {
            kind: StatementKind::CreateRoutine,
            name: "CREATE PROCEDURE",
        });
    }
    let _is_scoped = cursor.accept(&["local"]) || cursor.accept(&["global"]);
    let _is_temporary = cursor.accept(&["temp"]) || cursor.accept(&["temporary"]);
    let is_table = cursor.looks_at(&["table"]);
    is_table.then_some(Classified {
        kind: StatementKind::CreateTable,
        name: "CREATE TABLE",
    })
}

fn classify_alter_table(mut cursor: Cursor<'_>) -> Classified {
    let mut previous_is_alter = false;
    while let Some(token) = cursor.next() {
        if token.is_word("append") && cursor.looks_at(&["from"]) {
            return Classified {
                kind: StatementKind::OutsideTransaction,
                name: "ALTER TABLE APPEND",
            };
        }
        let is_physical = ["distkey", "diststyle", "sortkey", "encode", "compound"]
            .iter()
            .any(|word| token.is_word(word));
        if previous_is_alter && is_physical {
            return Classified {
                kind: StatementKind::PhysicalOnly,
                name: "ALTER TABLE",
            };
        }
        previous_is_alter = token.is_word("alter");
    }
    Classified {
        kind: StatementKind::AlterTable,
        name: "ALTER TABLE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart_by_how_they_run() {
        use StatementKind::*;
        for (text, kind) in [
            ("/* x */ copy t from 's3://b/k' iam_role default", Copy),
            ("truncate table t", Truncate),
            ("vacuum", OutsideTransaction),
            ("alter table t append from s", OutsideTransaction),
            ("alter table t alter distkey a", PhysicalOnly),
            ("alter table t alter sortkey (a)", PhysicalOnly),
            ("alter table t alter column c type varchar(20)", AlterTable),
            ("create temp table t (a int)", CreateTable),
            (
                "create or replace procedure p() as $$ begin end $$ language plpgsql",
                CreateRoutine,
            ),
            ("with a as (select 1) select * from a", Query),
            (
                "merge into t using s on t.a = s.a when matched then delete",
                Change,
            ),
            ("lock t", Other),
        ] {
            assert_eq!(classify(text).unwrap().kind, kind, "{text}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (text, name) in [
            ("unload ('select 1') to 's3://b'", "UNLOAD"),
            ("commit", "COMMIT"),
            ("frobnicate", "frobnicate"),
        ] {
            let error = classify(text).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }
}
