//! LISTAGG as `string_agg`, without empty texts, and in a function that knows the limit: <https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html>
//! and `r_WF_LISTAGG.html`.

use super::expression::{Call, rewrite_expression};
use super::text_edit::Edits;
use super::{SqlError, Token, TokenKind};

/// A frame without which an ordered window would end at its row.
const WHOLE_PARTITION: &str = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";

/// Parentheses, by the index of each.
#[derive(Debug, Clone, Copy)]
struct Parentheses {
    open: usize,
    close: usize,
}

/// `LISTAGG([DISTINCT] x [, d]) [WITHIN GROUP (ORDER BY …)] [OVER ([PARTITION BY …])]`.
///
/// PostgreSQL orders distinct values by themselves alone, and `string_agg` takes texts: they are gathered as what they are, and joined then.
pub(super) fn edit_listagg(tokens: &[Token<'_>], call: &Call<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    let order = parentheses_after(tokens, call.close_index, &["within", "group"])?;
    let end = order.map_or(call.close_index, |order| order.close);
    let window = parentheses_after(tokens, end, &["over"])?;
    let is_window = tokens.get(end + 1).is_some_and(|next| next.is_word("over"));
    let delimiter = match call.text.get(1) {
        Some(text) => rewrite_expression(text)?,
        None => "''".to_owned(),
    };
    let (first, _) = call.arguments[0];
    let is_distinct = first.is_word("distinct");
    let value = call.text[0].strip_prefix(first.text).filter(|_| is_distinct);
    let value = rewrite_expression(value.unwrap_or(&call.text[0]))?;
    let is_kept = format!("FILTER (WHERE ({value})::text <> '')");
    match window {
        Some(window) => {
            let over = over(tokens, window, order)?;
            let list = match is_distinct {
                true => format!(
                    "array_to_string(longshore_local.distinct_texts(array_agg(({value})::text) {is_kept} {over}), {delimiter})"
                ),
                false => format!("string_agg(({value})::text, {delimiter}) {is_kept} {over}"),
            };
            let range = call.name.start..tokens[window.close].end();
            edits.replace(range, format!("longshore_local.listagg({list})"));
            Ok(())
        }
        None if is_window => Err(SqlError::unsupported("LISTAGG … OVER a window by its name")),
        None => {
            edit_aggregate(
                tokens,
                call,
                order,
                edits,
                &Pieces {
                    delimiter,
                    is_kept,
                    is_distinct,
                },
            );
            Ok(())
        }
    }
}

/// What is put between the tokens of an aggregate, which stay where they are.
struct Pieces {
    delimiter: String,
    is_kept: String,
    is_distinct: bool,
}

fn edit_aggregate(
    tokens: &[Token<'_>],
    call: &Call<'_>,
    order: Option<Parentheses>,
    edits: &mut Edits,
    pieces: &Pieces,
) {
    let Pieces {
        delimiter, is_kept, ..
    } = pieces;
    let (first, last) = call.arguments[0];
    let (gather, behind_value, close) = if pieces.is_distinct {
        let close = format!(") {is_kept}, {delimiter}))");
        ("array_to_string(array_agg", String::new(), close)
    } else {
        edits.insert(first.start, "(");
        let behind_value = format!(")::text, {delimiter}");
        ("string_agg", behind_value, format!(") {is_kept})"))
    };
    let name = call.name.start..call.name.end();
    edits.replace(name, format!("longshore_local.listagg({gather}"));
    match order {
        Some(Parentheses { open, close: end }) => {
            edits.replace(last.end()..tokens[open].end(), format!("{behind_value} "));
            edits.replace(tokens[end].start..tokens[end].end(), close);
        }
        None => edits.replace(last.end()..call.close.end(), format!("{behind_value}{close}")),
    }
}

/// The window of PostgreSQL in which an aggregate sees its whole partition in the order of WITHIN GROUP.
fn over(tokens: &[Token<'_>], window: Parentheses, order: Option<Parentheses>) -> Result<String, SqlError> {
    let inside = |Parentheses { open, close }: Parentheses| {
        let words: Vec<&str> = tokens[open + 1..close].iter().map(|token| token.text).collect();
        rewrite_expression(&words.join(" "))
    };
    let is_partition = tokens[window.open + 1].is_word("partition") || window.open + 1 == window.close;
    let is_more = |token: &Token<'_>| ["order", "rows", "range"].iter().any(|word| token.is_word(word));
    if !is_partition || tokens[window.open..window.close].iter().any(is_more) {
        return Err(SqlError::Refused {
            message:
                "the OVER clause of LISTAGG cannot contain a window ordering or window frame specification"
                    .to_owned(),
        });
    }
    let partition = inside(window)?;
    Ok(match order {
        Some(order) => format!("OVER ({partition} {} {WHOLE_PARTITION})", inside(order)?),
        None => format!("OVER ({partition})"),
    })
}

/// The parentheses that stand after these words, which stand after a token.
fn parentheses_after(
    tokens: &[Token<'_>],
    index: usize,
    words: &[&str],
) -> Result<Option<Parentheses>, SqlError> {
    let rest = &tokens[index + 1..];
    let is_there = words.len() < rest.len()
        && rest.iter().zip(words).all(|(token, word)| token.is_word(word))
        && rest[words.len()].is_symbol("(");
    if !is_there {
        return Ok(None);
    }
    let open = index + 1 + words.len();
    let mut depth = 0_usize;
    for (close, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            TokenKind::Symbol if token.text == "(" => depth += 1,
            TokenKind::Symbol if token.text == ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(Some(Parentheses { open, close }));
        }
    }
    Err(SqlError::near(None, tokens.last().map_or(0, Token::end)))
}
