//! EXCEPTION blocks of procedures: <https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-trapping-errors.html>.
//!
//! PostgreSQL takes back what the block did, runs the handler and goes on. Redshift takes back the whole transaction, runs the handler in one of
//! its own, commits it, and throws the error again; only a NONATOMIC procedure goes on. So the handler gets a ROLLBACK before it, and a COMMIT
//! and a RAISE behind it. `longshore_local.caught` says so where a transaction is held that has to be left first.

use super::text_edit::Edits;
use super::{SqlError, Token};

const BEFORE: &str = " PERFORM longshore_local.caught(SQLERRM); ROLLBACK;";
const BEHIND: &str = "COMMIT; RAISE; ";

/// What becomes of an error that a handler caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rethrow {
    /// It is thrown again: the procedure is atomic.
    Always,
    /// It is over: the procedure is NONATOMIC.
    Never,
}

/// A BEGIN or a CASE that has not ended.
#[derive(Default)]
struct Block {
    /// It has an EXCEPTION.
    handles: bool,
    /// A block within it has one.
    holds_a_handler: bool,
}

/// Adds the edits that the handlers in a procedure's body need.
pub(super) fn edit_handlers(
    tokens: &[&Token<'_>],
    rethrow: Rethrow,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    let mut open: Vec<Block> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_before = |words: &[&str]| {
            let next = tokens.get(index + 1);
            next.is_some_and(|next| words.iter().any(|word| next.is_word(word)))
        };
        let is_end_of_case = index > 0 && tokens[index - 1].is_word("end");
        if token.is_word("begin") || token.is_word("case") && !is_end_of_case {
            open.push(Block::default());
        } else if token.is_word("exception") && is_before(&["when", "continue_handler", "exit_handler"]) {
            let then = condition(&tokens[index + 1..], edits)?;
            enter(open.last_mut(), rethrow)?;
            add(rethrow, then.end(), BEFORE, edits);
        } else if token.is_word("end") && !is_before(&["if", "loop"]) {
            if leave(&mut open) {
                add(rethrow, token.start, BEHIND, edits);
            }
        } else if token.is_word("return") && open.iter().any(|block| block.handles) {
            add(rethrow, token.start, BEHIND, edits);
        }
    }
    Ok(())
}

fn add(rethrow: Rethrow, at: usize, text: &str, edits: &mut Edits) {
    if rethrow == Rethrow::Always {
        edits.insert(at, text);
    }
}

/// Reads `[EXIT_HANDLER] WHEN OTHERS THEN`, the only condition there is, and answers its THEN.
fn condition<'a>(tokens: &[&Token<'a>], edits: &mut Edits) -> Result<Token<'a>, SqlError> {
    let tokens = match tokens {
        [kind, ..] if kind.is_word("continue_handler") => {
            return Err(SqlError::unsupported("CONTINUE_HANDLER"));
        }
        [kind, rest @ ..] if kind.is_word("exit_handler") => {
            edits.remove(kind.start..kind.end());
            rest
        }
        _ => tokens,
    };
    match tokens {
        [_, others, then, ..] if others.is_word("others") && then.is_word("then") => Ok(**then),
        [_, other, ..] => Err(SqlError::Refused {
            message: format!(
                "the only supported condition in an EXCEPTION block is OTHERS, and nothing beside it: {}",
                other.text
            ),
        }),
        _ => Err(SqlError::near(None, 0)),
    }
}

/// A block that has another one with a handler in it cannot give up its transaction from there: PostgreSQL holds it as a savepoint.
fn enter(block: Option<&mut Block>, rethrow: Rethrow) -> Result<(), SqlError> {
    let Some(block) = block else {
        return Ok(());
    };
    if block.holds_a_handler && rethrow == Rethrow::Always {
        return Err(SqlError::unsupported("an EXCEPTION block within another"));
    }
    block.handles = true;
    Ok(())
}

/// Ends the innermost block; answers whether it had a handler.
fn leave(open: &mut Vec<Block>) -> bool {
    let Some(block) = open.pop() else {
        return false;
    };
    if let Some(outer) = open.last_mut() {
        outer.holds_a_handler |= block.handles || block.holds_a_handler;
    }
    block.handles
}
