//! CREATE TABLE and ALTER TABLE: what tells Redshift how to keep the rows goes, what it does not enforce is not enforced.

use super::foreign::check_column;
use super::text_edit::Edits;
use super::{Cursor, SqlError, Token, TokenKind};

/// What the name of a CHECK begins with that stands for a primary key, so that `longshore_local.pg_constraint` can tell it: a key
/// of PostgreSQL's own would be enforced, and Redshift's is only declared.
const PRIMARY_KEY: &str = "longshore$primary_key$";

/// What VARBYTE holds without a length: <https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html>.
const VARBYTE_LENGTH: u32 = 64_000;

/// Adds the edits that a CREATE TABLE needs.
pub(super) fn edit_create_table(tokens: &[Token<'_>], edits: &mut Edits) -> Result<(), SqlError> {
    let mut cursor = Cursor::new(tokens);
    while !cursor.accept(&["table"]) {
        if cursor.next().is_none() {
            return Err(cursor.error());
        }
    }
    cursor.accept(&["if", "not", "exists"]);
    cursor.qualified_name()?;
    if cursor.looks_at(&["("]) && !holds_a_query(&cursor) {
        let open = cursor.clone();
        let close = cursor.skip_parentheses()?;
        if !is_name_list(&open, &cursor) {
            edit_items(open, close, edits)?;
        }
    }
    edit_attributes(&mut cursor, edits)
}

/// `CREATE TABLE t (SELECT …)` is not Redshift's, but `AS (SELECT …)` comes later and is no list of columns.
fn holds_a_query(cursor: &Cursor<'_>) -> bool {
    cursor
        .peek_at(1)
        .is_some_and(|token| token.is_word("select") || token.is_word("with"))
}

/// `CREATE TABLE t (a, b) AS SELECT …`: names without types.
fn is_name_list(open: &Cursor<'_>, after: &Cursor<'_>) -> bool {
    let one_word = open
        .peek_at(2)
        .is_some_and(|token| token.is_symbol(",") || token.is_symbol(")"));
    one_word && !after.looks_at(&[";"])
}

/// The attributes after the columns; they end at AS.
fn edit_attributes(cursor: &mut Cursor<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    while let Some(token) = cursor.peek().copied() {
        if token.is_word("as") {
            return Ok(());
        }
        if !skip_attribute(cursor)? {
            return Err(cursor.error());
        }
        edits.remove(token.start..cursor.offset());
    }
    Ok(())
}

/// Moves over one table attribute.
fn skip_attribute(cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
    if cursor.accept(&["diststyle"]) || cursor.accept(&["backup"]) || cursor.accept(&["encode"]) {
        return Ok(cursor.next().is_some());
    }
    let is_kind = cursor.accept(&["compound"]) || cursor.accept(&["interleaved"]);
    if cursor.accept(&["sortkey"]) || (!is_kind && cursor.accept(&["distkey"])) {
        if !cursor.accept(&["auto"]) {
            cursor.skip_parentheses()?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// One column or table constraint between the parentheses.
struct Item<'a> {
    tokens: Vec<Token<'a>>,
    /// The comma before it, or nothing for the first.
    comma: Option<Token<'a>>,
}

fn edit_items(mut cursor: Cursor<'_>, close: Token<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    cursor.expect("(")?;
    let items = items(&mut cursor, close);
    let mut not_null = Vec::new();
    for item in &items {
        if let Some((_, columns)) = primary_key(item) {
            not_null.extend(columns.iter().map(|name| folded(name)));
        }
    }
    for item in &items {
        let Some(first) = item.tokens.first() else {
            return Err(SqlError::near(Some(&close), close.end()));
        };
        if let Some((name, columns)) = primary_key(item) {
            let start = item.comma.map_or(first.start, |comma| comma.end());
            let end = item.tokens.last().map_or(first.end(), Token::end);
            edits.replace(start..end, format!(" {}", declared_key(&name, &columns)));
        } else if is_unenforced_constraint(item) {
            let start = item.comma.map_or(first.start, |comma| comma.start);
            let end = item.tokens.last().map_or(first.end(), Token::end);
            edits.remove(start..end);
        } else if first.is_word("check") || first.is_word("constraint") {
            return Err(SqlError::foreign("a CHECK constraint"));
        } else if !first.is_word("like") {
            edit_column(&item.tokens, &not_null, edits)?;
        }
    }
    Ok(())
}

fn items<'a>(cursor: &mut Cursor<'a>, close: Token<'_>) -> Vec<Item<'a>> {
    let mut items = vec![Item {
        tokens: Vec::new(),
        comma: None,
    }];
    let mut depth = 0_usize;
    while let Some(token) = cursor.next() {
        if token.start == close.start {
            break;
        }
        match token.text {
            "(" if token.kind == TokenKind::Symbol => depth += 1,
            ")" if token.kind == TokenKind::Symbol => depth -= 1,
            "," if token.kind == TokenKind::Symbol && depth == 0 => {
                items.push(Item {
                    tokens: Vec::new(),
                    comma: Some(token),
                });
                continue;
            }
            _ => {}
        }
        if let Some(item) = items.last_mut() {
            item.tokens.push(token);
        }
    }
    items
}

/// Redshift keeps these for the planner and enforces none of them.
fn is_unenforced_constraint(item: &Item<'_>) -> bool {
    let mut cursor = Cursor::new(&item.tokens);
    if cursor.accept(&["constraint"]) {
        cursor.next();
    }
    cursor.looks_at(&["foreign", "key"]) || cursor.looks_at(&["unique", "("])
}

/// The name, which may be empty, and the columns of `[CONSTRAINT name] PRIMARY KEY (a, b)`: Redshift makes them NOT NULL.
fn primary_key(item: &Item<'_>) -> Option<(String, Vec<String>)> {
    let mut cursor = Cursor::new(&item.tokens);
    let name = match cursor.accept(&["constraint"]) {
        true => folded(&cursor.name().ok()?),
        false => String::new(),
    };
    if !cursor.accept(&["primary", "key", "("]) {
        return None;
    }
    let mut columns = Vec::new();
    while let Ok(column) = cursor.name() {
        columns.push(column);
        cursor.accept(&[","]);
    }
    Some((name, columns))
}

/// A primary key that is on record and not enforced.
fn declared_key(name: &str, columns: &[String]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} IS NOT NULL"))
        .collect();
    format!(
        "CONSTRAINT \"{PRIMARY_KEY}{name}\" CHECK ({})",
        columns.join(" AND ")
    )
}

/// A name as PostgreSQL keeps it, with its quotes doubled: one in quotes has lost its capitals by now, unless the session keeps them.
fn folded(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => name.to_lowercase(),
    }
}

/// `name type [DEFAULT …] [IDENTITY(s, i)] [ENCODE e] [DISTKEY] [SORTKEY] [NOT NULL] [UNIQUE] [PRIMARY KEY] [REFERENCES …]`.
fn edit_column(tokens: &[Token<'_>], not_null: &[String], edits: &mut Edits) -> Result<(), SqlError> {
    check_column(tokens)?;
    let mut cursor = Cursor::new(tokens);
    let name = cursor.name()?;
    edit_type(&name, &mut cursor, edits)?;
    let mut says_not_null = false;
    while let Some(token) = cursor.next() {
        if token.is_symbol("(") {
            continue;
        }
        if token.is_word("encode") {
            cursor.next();
            edits.remove(token.start..cursor.offset());
        } else if token.is_word("distkey") || token.is_word("sortkey") || token.is_word("unique") {
            edits.remove(token.start..token.end());
        } else if token.is_word("not") && cursor.looks_at(&["null"]) {
            says_not_null = true;
        } else if token.is_word("primary") && cursor.accept(&["key"]) {
            let key = declared_key("", std::slice::from_ref(&name));
            edits.replace(
                token.start..end_before(&cursor, tokens),
                format!("NOT NULL {key} "),
            );
            says_not_null = true;
        } else if token.is_word("references") {
            cursor.qualified_name()?;
            if cursor.looks_at(&["("]) {
                cursor.skip_parentheses()?;
            }
            edits.remove(token.start..cursor.offset());
        } else if token.is_word("identity") && cursor.looks_at(&["("]) {
            edit_identity(&token, tokens, &mut cursor, edits)?;
        }
    }
    if !says_not_null && not_null.contains(&folded(&name)) {
        edits.insert(tokens.last().map_or(0, Token::end), " NOT NULL");
    }
    Ok(())
}

fn end_before(cursor: &Cursor<'_>, tokens: &[Token<'_>]) -> usize {
    cursor
        .peek()
        .map_or_else(|| tokens.last().map_or(0, Token::end), |next| next.start)
}

/// Types that have another name, or another width when none is given.
fn edit_type(column: &str, cursor: &mut Cursor<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    let Some(token) = cursor.next() else {
        return Err(cursor.error());
    };
    let has_length = cursor.looks_at(&["("]);
    let name = token.text.to_ascii_lowercase();
    let replacement = match name.as_str() {
        "text" | "varchar" | "nvarchar" if !has_length => Some("varchar(256)"),
        "bpchar" if !has_length => Some("char(256)"),
        "character"
            if !has_length
                && cursor.looks_at(&["varying"])
                && !cursor.peek_at(1).is_some_and(|next| next.is_symbol("(")) =>
        {
            Some("varchar(256) /*")
        }
        "decimal" | "numeric" | "dec" if !has_length => Some("decimal(18, 0)"),
        "super" => Some("jsonb"),
        "varbyte" | "varbinary" => Some("bytea"),
        "geometry" | "geography" | "hllsketch" => return Err(SqlError::unsupported(name.to_uppercase())),
        _ => None,
    };
    match replacement {
        Some("varchar(256) /*") => {
            cursor.accept(&["varying"]);
            edits.replace(token.start..cursor.offset(), "varchar(256) ");
        }
        Some("bytea") => {
            let mut length = VARBYTE_LENGTH;
            let mut end = token.end();
            if has_length {
                let number = cursor.peek_at(1).and_then(|number| number.text.parse().ok());
                length = number.ok_or_else(|| SqlError::near(cursor.peek_at(1), end))?;
                end = cursor.skip_parentheses()?.end();
            }
            // PostgreSQL's type has no length; COPY finds it in the CHECK, which fails with the error of a type.
            let text = format!(
                "bytea CHECK (octet_length({column}) <= {length} OR longshore_local.refuse_varbyte({column}, {length}))"
            );
            edits.replace(token.start..end, text);
        }
        Some(replacement) => edits.replace(token.start..token.end(), replacement),
        None if has_length => {
            cursor.skip_parentheses()?;
        }
        None => {}
    }
    Ok(())
}

/// `IDENTITY(seed, step)` and `GENERATED BY DEFAULT AS IDENTITY(seed, step)`.
fn edit_identity(
    identity: &Token<'_>,
    tokens: &[Token<'_>],
    cursor: &mut Cursor<'_>,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    let mut numbers = cursor.clone();
    let close = cursor.skip_parentheses()?;
    let mut values = Vec::new();
    let mut sign = "";
    while let Some(token) = numbers.next() {
        match token.kind {
            _ if token.start >= close.start => break,
            TokenKind::Number => values.push(format!("{}{}", std::mem::take(&mut sign), token.text)),
            _ if token.is_symbol("-") => sign = "-",
            _ => {}
        }
    }
    let [seed, step] = values.as_slice() else {
        return Err(SqlError::near(Some(identity), 0));
    };
    let index = tokens
        .iter()
        .position(|token| token.start == identity.start)
        .unwrap_or(0);
    let is_generated = index > 0 && tokens[index - 1].is_word("as");
    let prefix = if is_generated {
        "IDENTITY"
    } else {
        "GENERATED ALWAYS AS IDENTITY"
    };
    let bound = if step.starts_with('-') {
        "MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807"
    } else {
        ""
    };
    let minimum = if seed.starts_with('-') || seed == "0" {
        "MINVALUE -9223372036854775808"
    } else {
        ""
    };
    let bound = if bound.is_empty() { minimum } else { bound };
    let text = format!("{prefix} (START WITH {seed} INCREMENT BY {step} {bound})");
    edits.replace(identity.start..close.end(), text.replace(" )", ")"));
    Ok(())
}

/// Adds the edits that an ALTER TABLE needs.
pub(super) fn edit_alter_table(tokens: &[Token<'_>], edits: &mut Edits) -> Result<(), SqlError> {
    let mut cursor = Cursor::new(tokens);
    cursor.accept(&["alter", "table"]);
    cursor.qualified_name()?;
    if cursor.accept(&["add"]) {
        let is_constraint = cursor.looks_at(&["constraint"])
            || cursor.looks_at(&["primary"])
            || cursor.looks_at(&["foreign"])
            || cursor.looks_at(&["unique"]);
        if is_constraint {
            return Err(SqlError::unsupported("ALTER TABLE ADD CONSTRAINT"));
        }
        cursor.accept(&["column"]);
        let rest: Vec<Token<'_>> = std::iter::from_fn(|| cursor.next()).collect();
        edit_column(&rest, &[], edits)?;
    }
    Ok(())
}
