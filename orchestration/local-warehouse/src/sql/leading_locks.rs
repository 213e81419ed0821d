//! The LOCKs at the beginning of a procedure, before its first query: `opening` says why they are told apart.

use super::text_edit::Edits;
use super::{Token, TokenKind};

/// Words that only statements which take a snapshot have.
const LOOKS: [&str; 22] = [
    "select", "insert", "update", "delete", "merge", "copy", "create", "drop", "alter", "truncate",
    "analyze", "perform", "for", "while", "open", "fetch", "with", "call", "commit", "rollback", "exists",
    "into",
];

/// Words after which a statement may begin.
const OPENERS: [&str; 4] = ["begin", "then", "else", "loop"];

/// Adds to the tokens of a procedure's body what tells its leading LOCKs, and where they end. Answers where that is, as a byte offset: an
/// EXECUTE before it may be a LOCK too, which only its run will show.
pub(super) fn edit_leading_locks(tokens: &[&Token<'_>], edits: &mut Edits) -> usize {
    let Some(begin) = tokens.iter().position(|token| token.is_word("begin")) else {
        return 0;
    };
    let mut start = begin + 1;
    for (index, token) in tokens.iter().enumerate().skip(begin) {
        if LOOKS.iter().any(|word| token.is_word(word)) {
            return end_here(tokens, start, edits);
        }
        if token.is_word("lock") && index == start {
            edit_lock(&tokens[index..], edits);
        }
        if token.is_symbol(";") || OPENERS.iter().any(|word| token.is_word(word)) {
            start = index + 1;
        }
    }
    tokens.last().map_or(0, |token| token.end())
}

/// The snapshot is taken by the statement that begins at `start`. A CALL takes it or not, which the procedure called knows.
fn end_here(tokens: &[&Token<'_>], start: usize, edits: &mut Edits) -> usize {
    let Some(first) = tokens.get(start) else {
        return 0;
    };
    let at = if first.is_word("call") {
        let end = tokens[start..].iter().find(|token| token.is_symbol(";"));
        end.map_or(first.start, |token| token.end())
    } else {
        first.start
    };
    edits.insert(at, " PERFORM longshore_local.look(); ");
    first.start
}

/// `LOCK [TABLE] name [, …];` is announced before it is taken.
fn edit_lock(statement: &[&Token<'_>], edits: &mut Edits) {
    let words: Vec<&str> = statement
        .iter()
        .take_while(|token| !token.is_symbol(";"))
        .map(|token| token.text)
        .collect();
    let is_plain = statement
        .iter()
        .take(words.len())
        .all(|token| token.kind != TokenKind::DollarString);
    if is_plain {
        let text = format!(
            "PERFORM longshore_local.lock_first($longshore_lock${}$longshore_lock$); ",
            words.join(" ")
        );
        edits.insert(statement[0].start, text);
    }
}
