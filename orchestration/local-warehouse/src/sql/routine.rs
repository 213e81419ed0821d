//! CREATE PROCEDURE and CREATE FUNCTION: the clauses around the body, and the body.

use super::expression::edit_expressions;
use super::handler::{Rethrow, edit_handlers};
use super::leading_locks::edit_leading_locks;
use super::text_edit::Edits;
use super::{Cursor, SqlError, Token, TokenKind, tokenize};

/// What is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Routine {
    Function,
    Procedure,
}

/// Adds the edits that a routine needs.
///
/// `NONATOMIC` is dropped: the procedure runs in the caller's transaction, which differs only in what stays when it fails halfway.
pub(super) fn edit_routine(tokens: &[Token<'_>], edits: &mut Edits) -> Result<(), SqlError> {
    let mut cursor = Cursor::new(tokens);
    let mut body = None;
    let mut routine = Routine::Function;
    let mut rethrow = Rethrow::Always;
    while let Some(token) = cursor.next() {
        if token.is_word("procedure") && body.is_none() {
            routine = Routine::Procedure;
        }
        if token.is_word("nonatomic") {
            rethrow = Rethrow::Never;
            edits.remove(token.start..token.end());
        }
        if token.is_word("language") {
            check_language(&cursor)?;
        }
        if token.is_word("as")
            && cursor
                .peek()
                .is_some_and(|next| next.kind == TokenKind::DollarString)
        {
            body = cursor.next();
        }
    }
    match body {
        Some(body) => edit_body(&body, routine, rethrow, edits),
        None => Ok(()),
    }
}

fn check_language(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    let Some(language) = cursor.peek() else {
        return Err(cursor.error());
    };
    let name = language.text.trim_matches(['\'', '"']).to_ascii_lowercase();
    match name.as_str() {
        "plpgsql" | "sql" => Ok(()),
        other => Err(SqlError::unsupported(format!("LANGUAGE {other}"))),
    }
}

fn edit_body(
    body: &Token<'_>,
    routine: Routine,
    rethrow: Rethrow,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    let tag = body.text[1..].find('$').map_or(0, |at| at + 2);
    let inside = &body.text[tag..body.text.len() - tag];
    let offset = body.start + tag;
    let tokens = tokenize(inside).map_err(|error| shifted(error, offset))?;
    let mut inner = Edits::default();
    edit_expressions(&tokens, &mut inner)?;
    let significant: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_significant()).collect();
    let first_look = match routine {
        Routine::Procedure => {
            edit_handlers(&significant, rethrow, &mut inner)?;
            edit_leading_locks(&significant, &mut inner)
        }
        Routine::Function => 0,
    };
    edit_dynamic_statements(&significant, first_look, &mut inner);
    edits.replace(offset..offset + inside.len(), inner.apply(inside).text);
    Ok(())
}

fn shifted(error: SqlError, by: usize) -> SqlError {
    match error {
        SqlError::Syntax { message, offset } => SqlError::Syntax {
            message,
            offset: offset + by,
        },
        other => other,
    }
}

/// `EXECUTE expression [INTO …] [USING …];`: what the expression yields is Redshift's SQL, so it goes through `redshift_dynamic`; before the
/// procedure's first query it may be a LOCK.
fn edit_dynamic_statements(tokens: &[&Token<'_>], first_look: usize, edits: &mut Edits) {
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        if !token.is_word("execute") || next.is_none_or(|next| next.is_symbol(";") || next.is_word("on")) {
            continue;
        }
        let Some(end) = end_of_expression(&tokens[index + 1..]) else {
            continue;
        };
        let translation = if token.start < first_look {
            " longshore_local.redshift_leading("
        } else {
            " redshift_dynamic("
        };
        edits.replace(token.end()..tokens[index + 1].start, translation);
        edits.insert(end, ")");
    }
}

fn end_of_expression(tokens: &[&Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut end = None;
    for token in tokens {
        let ends_here =
            token.is_symbol(";") || ["into", "using", "loop"].iter().any(|word| token.is_word(word));
        if depth == 0 && ends_here {
            return end;
        }
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        end = Some(token.end());
    }
    None
}
