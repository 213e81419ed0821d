//! From Redshift's text to PostgreSQL's: the entry.

use super::expression::edit_expressions;
use super::foreign::{check_merge, check_truncate};
use super::routine::edit_routine;
use super::table::{edit_alter_table, edit_create_table};
use super::text_edit::{Edits, Rewritten};
use super::{Classified, Cursor, SqlError, StatementKind, Token, TokenKind, tokenize};

/// The setting under which quoted names are not folded:
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html>.
const CASE_SENSITIVE_IDENTIFIER: &str = "enable_case_sensitive_identifier";

/// What the name of a setting begins with in PostgreSQL that is Redshift's alone.
pub(crate) const SETTING_PREFIX: &str = "longshore.";

/// The statement as PostgreSQL understands it.
///
/// # Errors
/// [`SqlError`] when the statement uses what this warehouse has not, or ends too early.
pub(crate) fn rewrite(text: &str, classified: Classified) -> Result<Rewritten, SqlError> {
    let tokens = tokenize(text)?;
    let mut edits = Edits::default();
    match classified.kind {
        StatementKind::CreateTable => edit_create_table(&tokens, &mut edits)?,
        StatementKind::AlterTable => edit_alter_table(&tokens, &mut edits)?,
        StatementKind::CreateRoutine => edit_routine(&tokens, &mut edits)?,
        StatementKind::OutsideTransaction if classified.name == "VACUUM" => {
            return Ok(rewrite_vacuum(text, &tokens));
        }
        StatementKind::Truncate => check_truncate(&tokens)?,
        _ if ["SET", "RESET", "SHOW"].contains(&classified.name) => edit_setting(&tokens, &mut edits)?,
        _ => edit_statement(&tokens, &mut edits)?,
    }
    if classified.name == "MERGE" {
        check_merge(&tokens)?;
    }
    edit_expressions(&tokens, &mut edits)?;
    edit_catalog(&tokens, &mut edits);
    Ok(edits.apply(text))
}

/// Settings that PostgreSQL has not are ours.
fn edit_setting(tokens: &[Token<'_>], edits: &mut Edits) -> Result<(), SqlError> {
    let mut cursor = Cursor::new(tokens);
    cursor.next();
    let _is_scoped = cursor.accept(&["session"]) || cursor.accept(&["local"]);
    let at = cursor.offset();
    if !cursor.accept(&[CASE_SENSITIVE_IDENTIFIER]) {
        return Ok(());
    }
    edits.insert(at, SETTING_PREFIX);
    let _is_assigned = cursor.accept(&["to"]) || cursor.accept(&["="]);
    let Some(value) = cursor.next().filter(|value| !value.is_word("default")) else {
        return Ok(());
    };
    let text = value.text.trim_matches('\'').to_ascii_lowercase();
    if ["true", "false", "on", "off"].contains(&text.as_str()) {
        return Ok(());
    }
    Err(SqlError::Refused {
        message: format!("parameter \"{CASE_SENSITIVE_IDENTIFIER}\" requires a Boolean value"),
    })
}

/// `pg_constraint` is a view of ours, which shows the keys that are declared and not enforced.
fn edit_catalog(tokens: &[Token<'_>], edits: &mut Edits) {
    for (index, token) in tokens.iter().enumerate() {
        let is_alias = tokens.get(index + 1).is_some_and(|next| next.is_symbol("."));
        if !token.is_word("pg_constraint") || is_alias {
            continue;
        }
        match &tokens[..index] {
            [.., schema, dot] if dot.is_symbol(".") => {
                if schema.is_word("pg_catalog") {
                    edits.replace(schema.start..token.end(), "longshore_local.pg_constraint");
                }
            }
            _ => edits.insert(token.start, "longshore_local."),
        }
    }
}

/// `VACUUM [FULL | SORT ONLY | DELETE ONLY | REINDEX] [table] [TO n PERCENT] [BOOST]`.
fn rewrite_vacuum(text: &str, tokens: &[Token<'_>]) -> Rewritten {
    let mut cursor = Cursor::new(tokens);
    cursor.accept(&["vacuum"]);
    for words in [
        &["sort", "only"][..],
        &["delete", "only"],
        &["recluster"],
        &["reindex"],
        &["full"],
    ] {
        if cursor.accept(words) {
            break;
        }
    }
    let table = if cursor.looks_at(&["to"]) {
        None
    } else {
        cursor.qualified_name().ok()
    };
    let mut edits = Edits::default();
    edits.replace(0..text.len(), format!("VACUUM {}", table.unwrap_or_default()));
    edits.apply(text)
}

fn edit_statement(tokens: &[Token<'_>], edits: &mut Edits) -> Result<(), SqlError> {
    let mut cursor = Cursor::new(tokens);
    if cursor.accept(&["delete"]) && !cursor.looks_at(&["from"]) {
        edits.insert(cursor.offset(), "FROM ");
    }
    let mut cursor = Cursor::new(tokens);
    let is_analyze = cursor.accept(&["analyze"]) || cursor.accept(&["analyse"]);
    while let Some(token) = cursor.next() {
        if is_analyze && (token.is_word("predicate") || token.is_word("all")) && cursor.accept(&["columns"]) {
            edits.remove(token.start..cursor.offset());
        }
        if token.is_word("remove") && cursor.looks_at(&["duplicates"]) {
            return Err(SqlError::unsupported("MERGE … REMOVE DUPLICATES"));
        }
        if token.is_word("with") && cursor.looks_at(&["no", "schema", "binding"]) {
            return Err(SqlError::unsupported("WITH NO SCHEMA BINDING"));
        }
    }
    Ok(())
}

/// Puts parameters of the Data API in as literals, whose types PostgreSQL infers from where they stand.
///
/// # Errors
/// [`SqlError::Refused`] for a parameter without a value.
pub(crate) fn bind_parameters(text: &str, parameters: &[(String, String)]) -> Result<String, SqlError> {
    let tokens = tokenize(text)?;
    let mut edits = Edits::default();
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Parameter) {
        let name = &token.text[1..];
        let Some(index) = parameters.iter().position(|(known, _)| known == name) else {
            return Err(SqlError::Refused {
                message: format!("Cannot find parameter: {name}"),
            });
        };
        let value = parameters[index].1.replace('\\', "\\\\").replace('\'', "''");
        edits.replace(token.start..token.end(), format!("'{value}'"));
    }
    Ok(edits.apply(text).text)
}

/// The names of the parameters that a text uses, each as often as it does.
///
/// # Errors
/// [`SqlError::Syntax`] when the text cannot be cut into tokens.
pub(crate) fn parameters(text: &str) -> Result<Vec<String>, SqlError> {
    let tokens = tokenize(text)?;
    let names = tokens.iter().filter(|token| token.kind == TokenKind::Parameter);
    Ok(names.map(|token| token.text[1..].to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::classify;
    use super::*;

    fn squeezed(text: &str) -> String {
        let text = rewrite(text, classify(text).unwrap()).unwrap().text;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn redshift_becomes_postgresql() {
        for (redshift, postgresql) in [
            ("delete t where a = 1", "delete FROM t where a = 1"),
            ("vacuum delete only s.t to 99 percent", "VACUUM s.t"),
            ("analyze t predicate columns", "analyze t"),
            (
                "select dateadd(day, 1, sysdate)",
                "select dateadd('day', 1, sysdate())",
            ),
            ("select t.sysdate from t", "select t.sysdate from t"),
            (
                "select top 3 a from t order by a; ",
                "select a from t order by a LIMIT 3;",
            ),
            (
                "select * from (select top 1 a from (t) order by a) x",
                "select * from (select a from (t) order by a LIMIT 1) x",
            ),
            (
                "select decode(a, 1, 'x', 'y')",
                "select (CASE WHEN (a) IS NOT DISTINCT FROM ( 1) THEN 'x' ELSE 'y' END)",
            ),
            (
                "select listagg(distinct a, ',') within group (order by b desc) from t",
                "select longshore_local.listagg(array_to_string(array_agg(distinct a order by b desc) FILTER (WHERE ( a)::text <> ''), ',')) from t",
            ),
            (
                "select listagg(a, ',') within group (order by b desc) from t",
                "select longshore_local.listagg(string_agg((a)::text, ',' order by b desc) FILTER (WHERE (a)::text <> '')) from t",
            ),
            (
                "select try_cast(a as int)",
                "select try_cast((a )::text, 'int', NULL::int)::int",
            ),
            ("select 1 minus select 2", "select 1 EXCEPT select 2"),
            (
                "select a::decimal, cast((b) as numeric), try_cast(c as dec), d::dec(5, 2), 1 as numeric, numeric.avg from numeric",
                "select a::decimal(18, 0), cast((b) as numeric(18, 0)), try_cast((c )::text, 'dec(18, 0)', NULL::dec(18, 0))::dec(18, 0), d::dec(5, 2), 1 as numeric, numeric.avg from numeric",
            ),
            (
                "create table t (a decimal not null, b numeric(5), c dec encode az64)",
                "create table t (a decimal(18, 0) not null, b numeric(5), c decimal(18, 0) )",
            ),
            (
                "create table if not exists s.t (a varchar(max) encode zstd distkey, b int identity(1,1) not null, c text sortkey, primary key (a, \"B\"), unique (c)) diststyle key compound sortkey (a, b)",
                "create table if not exists s.t (a varchar(65535) NOT NULL, b int GENERATED ALWAYS AS IDENTITY (START WITH 1 INCREMENT BY 1) not null, c varchar(256) , CONSTRAINT \"longshore$primary_key$\" CHECK (a IS NOT NULL AND \"B\" IS NOT NULL) )",
            ),
            (
                "create table t (a int primary key distkey, b int)",
                "create table t (a int NOT NULL CONSTRAINT \"longshore$primary_key$\" CHECK (a IS NOT NULL) , b int)",
            ),
            (
                "create table t (a int, constraint k primary key (a))",
                "create table t (a int NOT NULL, CONSTRAINT \"longshore$primary_key$k\" CHECK (a IS NOT NULL))",
            ),
            (
                "select pg_constraint.conname from pg_catalog.pg_constraint join pg_constraint c on true join x.pg_constraint d on true",
                "select pg_constraint.conname from longshore_local.pg_constraint join longshore_local.pg_constraint c on true join x.pg_constraint d on true",
            ),
            (
                "create temp table t distkey(a) sortkey(b) as select 1 as a, 2 as b",
                "create temp table t as select 1 as a, 2 as b",
            ),
            (
                "create table t (like s including defaults) backup no",
                "create table t (like s including defaults)",
            ),
            (
                "create table t (d date default sysdate encode az64)",
                "create table t (d date default sysdate() )",
            ),
            (
                "create or replace procedure p(a int) nonatomic as $$ begin execute a || 'x' into b; end $$ language plpgsql",
                "create or replace procedure p(a int) as $$ begin PERFORM longshore_local.look(); execute redshift_dynamic(a || 'x') into b; end $$ language plpgsql",
            ),
        ] {
            assert_eq!(squeezed(redshift), postgresql, "{redshift}");
        }
    }

    #[test]
    fn parameters_are_bound_as_values_alone() {
        let bound =
            bind_parameters("select :a, ':a', b::int", &[("a".to_owned(), "it's".to_owned())]).unwrap();
        assert_eq!(bound, "select 'it''s', ':a', b::int");
        assert!(
            bind_parameters("select :a", &[])
                .unwrap_err()
                .to_string()
                .contains("a")
        );
        assert_eq!(parameters("select :a, 'x:y', :a").unwrap(), ["a", "a"]);
    }
}
