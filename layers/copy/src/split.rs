//! Cuts a file of SQL into its statements.
//!
//! A semicolon ends a statement unless it stands in a text, a quoted name, a comment or a `$tag$` body.

/// The statements of a file in order, without semicolons and without the comments before their first word. What is only
/// blanks and comments is none.
pub fn split_statements(sql: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut rest = sql;
    while !rest.is_empty() {
        let end = statement_length(rest);
        statements.extend(without_leading_comments(&rest[..end]).map(str::to_owned));
        rest = rest[end..].strip_prefix(';').unwrap_or(&rest[end..]);
    }
    statements
}

/// A statement in pieces: each text, quoted name, comment, body and word is one, and so is any other character.
pub(crate) fn pieces(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (piece, after) = rest.split_at(piece_length(rest, first));
        rest = after;
        Some(piece)
    })
}

/// The length in bytes up to the semicolon that ends the first statement, or to the end.
fn statement_length(sql: &str) -> usize {
    let mut position = 0;
    while let Some(first) = sql[position..].chars().next() {
        if first == ';' {
            return position;
        }
        position += piece_length(&sql[position..], first);
    }
    position
}

/// The length of the text, name, comment, body or single character that `sql` begins with.
fn piece_length(sql: &str, first: char) -> usize {
    match first {
        '\'' | '"' => until(sql, 1, &first.to_string()),
        '-' if sql.starts_with("--") => until(sql, 2, "\n"),
        '/' if sql.starts_with("/*") => block_comment_length(sql),
        '$' => dollar_tag(sql).map_or(1, |tag| until(sql, tag.len(), tag)),
        // A `$` within a name begins no body.
        _ if first.is_alphanumeric() || first == '_' => word_length(sql),
        _ => first.len_utf8(),
    }
}

/// Up to and with `end`, looked for after the first `skip` bytes; all of `sql` when it is missing. A doubled quote ends
/// one text and begins the next, which comes to the same.
fn until(sql: &str, skip: usize, end: &str) -> usize {
    sql[skip..]
        .find(end)
        .map_or(sql.len(), |found| skip + found + end.len())
}

/// Block comments nest, as in PostgreSQL.
fn block_comment_length(sql: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while position < sql.len() {
        let rest = &sql[position..];
        if rest.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    sql.len()
}

/// The `$tag$` or `$$` that `sql` begins with. `$1` is a parameter and no tag.
fn dollar_tag(sql: &str) -> Option<&str> {
    let end = sql[1..].find('$')? + 1;
    let tag = &sql[1..end];
    let is_name = tag
        .chars()
        .all(|character| character.is_alphanumeric() || character == '_')
        && !tag.starts_with(|character: char| character.is_ascii_digit());
    is_name.then_some(&sql[..=end])
}

fn word_length(sql: &str) -> usize {
    sql.find(|character: char| !(character.is_alphanumeric() || character == '_' || character == '$'))
        .unwrap_or(sql.len())
}

/// A statement from its first word on; `None` when it is only blanks and comments.
fn without_leading_comments(statement: &str) -> Option<&str> {
    let mut position = 0;
    while let Some(first) = statement[position..].chars().next() {
        let rest = &statement[position..];
        let is_comment = rest.starts_with("--") || rest.starts_with("/*");
        if !is_comment && !first.is_whitespace() {
            return Some(rest.trim_end());
        }
        position += piece_length(rest, first);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement() {
        assert_eq!(
            split_statements("SELECT 1; SELECT 2;\n"),
            ["SELECT 1", "SELECT 2"]
        );
        assert_eq!(split_statements("SELECT 1"), ["SELECT 1"]);
    }

    #[test]
    fn a_semicolon_within_a_text_a_name_a_comment_or_a_body_ends_nothing() {
        for statement in [
            "SELECT 'a;''b;'",
            "SELECT \"a;\"\"b\"",
            "SELECT 1 -- one; two\n + 2",
            "SELECT /* a; /* b; */ c; */ 1",
            "DO $$ BEGIN; END; $$",
            "DO $body$ a; $$ b; $x$ $body$",
            "SELECT $1, a$b, 'ü;'",
        ] {
            assert_eq!(
                split_statements(&format!("{statement};SELECT 2")),
                [statement, "SELECT 2"]
            );
        }
    }

    #[test]
    fn a_comment_before_a_statement_is_left_out() {
        assert_eq!(
            split_statements("-- one; two\n/* three */ SELECT 1 -- four\n;"),
            ["SELECT 1 -- four"]
        );
    }

    #[test]
    fn a_comment_alone_is_no_statement() {
        assert!(split_statements("-- nothing\n/* here */ ;; \n").is_empty());
    }

    #[test]
    fn what_is_never_closed_runs_to_the_end() {
        for text in ["SELECT 'a; b", "SELECT /* a; b", "DO $x$ a; b", "SELECT \"a;"] {
            assert_eq!(split_statements(text), [text]);
        }
    }
}
