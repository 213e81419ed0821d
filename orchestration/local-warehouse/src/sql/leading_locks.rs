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
    let mut declares = false;
    for (index, token) in tokens.iter().enumerate().skip(begin) {
        if LOOKS.iter().any(|word| token.is_word(word)) {
            return end_here(tokens, start, edits);
        }
        if token.is_word("lock") && index == start {
            edit_lock(&tokens[index..], edits);
        }
        // A block within the block: what it declares is part of it, and no statement can stand in there.
        declares = !token.is_word("begin") && (declares || token.is_word("declare") && index == start);
        let is_opened = token.is_symbol(";") || OPENERS.iter().any(|word| token.is_word(word));
        if is_opened && !declares {
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

#[cfg(test)]
mod tests {
    use super::super::{classify, rewrite};

    /// The body of a procedure, as PostgreSQL gets it.
    fn rewritten(body: &str) -> String {
        let text = format!("create procedure p() as $$ {body} $$ language plpgsql");
        let text = rewrite(&text, classify(&text).unwrap()).unwrap().text;
        text.split_once("$$ ")
            .and_then(|(_, rest)| rest.rsplit_once(" $$"))
            .map(|(body, _)| body.to_owned())
            .unwrap()
    }

    #[test]
    fn a_body_keeps_every_character_around_what_is_put_in() {
        let look = "PERFORM longshore_local.look(); ";
        let announce = |lock: &str| {
            format!("PERFORM longshore_local.lock_first($longshore_lock${lock}$longshore_lock$); ")
        };
        let schema = "lock table \"Größe\" . \"a;b\" IN SHARE ROW EXCLUSIVE MODE";
        for (body, expected) in [
            (
                "begin -- läuft; select\n lock rdsftorchestration.job_locks; insert into s values ('ß;'); end",
                format!(
                    "begin -- läuft; select\n {}lock rdsftorchestration.job_locks;  {look}insert into s values ('ß;'); end",
                    announce("lock rdsftorchestration . job_locks")
                ),
            ),
            (
                &format!("begin /* lock ü; */ {schema}; v := 1; delete from s; lock late; end"),
                format!(
                    "begin /* lock ü; */ {}{schema}; v := 1;  {look}delete from s; lock late; end",
                    announce(schema)
                ),
            ),
            (
                "begin execute 'lock ä' || x; execute \"Ö\"; perform f(); execute 'lock b'; end",
                format!(
                    "begin execute longshore_local.redshift_leading('lock ä' || x); execute longshore_local.redshift_leading(\"Ö\");  {look}perform f(); execute redshift_dynamic('lock b'); end"
                ),
            ),
            (
                "begin if x then lock a; else lock b; end if; call q(); end",
                format!(
                    "begin if x then {}lock a; else {}lock b; end if; call q(); {look} end",
                    announce("lock a"),
                    announce("lock b")
                ),
            ),
            (
                "begin lock a; declare n int; m int := (select 1); begin n := m; end; end",
                format!(
                    "begin {}lock a;  {look}declare n int; m int := (select 1); begin n := m; end; end",
                    announce("lock a")
                ),
            ),
        ] {
            assert_eq!(rewritten(body), expected, "{body}");
        }
    }
}
