//! What stands inside expressions and has another shape in PostgreSQL.
//!
//! Functions that only have another name or are missing there are installed in the database instead (`src/prepare`), so that they also work in
//! dynamic SQL and for whoever connects with psql.

use super::foreign::{check_type, check_word};
use super::listagg::edit_listagg;
use super::text_edit::Edits;
use super::{SqlError, Token, TokenKind, tokenize};

/// Functions whose first argument is a bare date part.
const TAKE_A_DATE_PART: [&str; 4] = ["dateadd", "datediff", "date_part", "pgdate_part"];

/// Adds the edits that every expression in the statement needs.
pub(super) fn edit_expressions(tokens: &[Token<'_>], edits: &mut Edits) -> Result<(), SqlError> {
    let significant: Vec<Token<'_>> = tokens.iter().copied().filter(Token::is_significant).collect();
    for index in 0..significant.len() {
        edit_at(&significant, index, edits)?;
    }
    Ok(())
}

fn edit_at(tokens: &[Token<'_>], index: usize, edits: &mut Edits) -> Result<(), SqlError> {
    let token = tokens[index];
    if token.kind != TokenKind::Word || index > 0 && tokens[index - 1].is_symbol(".") {
        return Ok(());
    }
    check_word(tokens, index)?;
    check_width(tokens, index)?;
    if index > 0 && tokens[index - 1].is_symbol("::") {
        check_type(&token)?;
        edit_decimal(tokens, index, edits);
    }
    let next = tokens.get(index + 1);
    let is_call = next.is_some_and(|next| next.is_symbol("("));
    let word = token.text.to_ascii_lowercase();
    match word.as_str() {
        "sysdate" if !is_call => edits.insert(token.end(), "()"),
        "minus" if next.is_some_and(|next| next.is_word("select") || next.is_symbol("(")) => {
            edits.replace(token.start..token.end(), "EXCEPT");
        }
        "max" if is_length_of_a_type(tokens, index) => {
            let length = if is_wide(&tokens[index - 2]) {
                "65535"
            } else {
                "4096"
            };
            edits.replace(token.start..token.end(), length);
        }
        "nvarchar" => edits.replace(token.start..token.end(), "varchar"),
        "regexp_replace" if is_call => {
            // PostgreSQL's replaces the first match alone, Redshift's all of them.
            edits.replace(token.start..token.end(), "redshift_regexp_replace");
        }
        // Redshift's takes a day after the end of its month for one of the next.
        "to_date" if is_call => edits.replace(token.start..token.end(), "redshift_to_date"),
        "decode" if is_call => edit_decode(&Call::at(tokens, index)?, edits)?,
        // Redshift's yields a whole number for whole numbers.
        "avg" if is_call => edits.insert(token.start, "longshore_local."),
        "cast" if is_call => edit_cast(tokens, index, edits)?,
        "concat" if is_call => check_concat(&Call::at(tokens, index)?)?,
        "listagg" if is_call => edit_listagg(tokens, &Call::at(tokens, index)?, edits)?,
        "try_cast" if is_call => edit_try_cast(tokens, index, edits)?,
        "approximate" if next.is_some_and(|next| next.is_word("count")) => {
            return Err(SqlError::unsupported("APPROXIMATE COUNT"));
        }
        "top"
            if index > 0
                && tokens[index - 1].is_word("select")
                && next.is_some_and(|next| next.kind == TokenKind::Number) =>
        {
            edit_top(tokens, index, edits)?;
        }
        name if is_call && TAKE_A_DATE_PART.contains(&name) => quote_date_part(tokens, index, edits),
        _ => {}
    }
    Ok(())
}

/// `SELECT TOP n …` as `SELECT … LIMIT n`, at the end of this SELECT.
fn edit_top(tokens: &[Token<'_>], index: usize, edits: &mut Edits) -> Result<(), SqlError> {
    let count = tokens[index + 1];
    let mut depth = 0_usize;
    let mut last = count;
    for token in &tokens[index + 2..] {
        match token.text {
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            ";" => break,
            _ if depth == 0
                && ["union", "intersect", "except", "minus"]
                    .iter()
                    .any(|word| token.is_word(word)) =>
            {
                return Err(SqlError::unsupported(
                    "SELECT TOP beside UNION, INTERSECT or EXCEPT",
                ));
            }
            _ => {}
        }
        last = *token;
    }
    edits.remove(tokens[index].start..count.end());
    edits.insert(last.end(), format!(" LIMIT {}", count.text));
    Ok(())
}

fn is_length_of_a_type(tokens: &[Token<'_>], index: usize) -> bool {
    index >= 2
        && tokens[index - 1].is_symbol("(")
        && tokens.get(index + 1).is_some_and(|next| next.is_symbol(")"))
        && (is_wide(&tokens[index - 2])
            || ["char", "character", "nchar", "bpchar"]
                .iter()
                .any(|name| tokens[index - 2].is_word(name)))
}

fn is_wide(name: &Token<'_>) -> bool {
    ["varchar", "nvarchar", "varying"]
        .iter()
        .any(|wide| name.is_word(wide))
}

fn quote_date_part(tokens: &[Token<'_>], index: usize, edits: &mut Edits) {
    let (Some(part), Some(after)) = (tokens.get(index + 2), tokens.get(index + 3)) else {
        return;
    };
    if part.kind == TokenKind::Word && after.is_symbol(",") {
        edits.replace(
            part.start..part.end(),
            format!("'{}'", part.text.to_ascii_lowercase()),
        );
    }
}

/// A call and where its arguments stand.
pub(super) struct Call<'a> {
    pub(super) name: Token<'a>,
    /// First and last token of each argument.
    pub(super) arguments: Vec<(Token<'a>, Token<'a>)>,
    commas: Vec<Token<'a>>,
    pub(super) close: Token<'a>,
    /// The index of the closing parenthesis.
    pub(super) close_index: usize,
    /// The source of each argument.
    pub(super) text: Vec<String>,
}

impl<'a> Call<'a> {
    fn at(tokens: &[Token<'a>], index: usize) -> Result<Self, SqlError> {
        let mut call = Self {
            name: tokens[index],
            arguments: Vec::new(),
            commas: Vec::new(),
            close: tokens[index],
            close_index: index,
            text: Vec::new(),
        };
        let (mut depth, mut first) = (0_usize, index + 2);
        for (at, token) in tokens.iter().enumerate().skip(index + 1) {
            let mark = if token.kind == TokenKind::Symbol {
                token.text
            } else {
                ""
            };
            match mark {
                "(" | "[" => depth += 1,
                "," if depth == 1 => {
                    call.push(tokens, first, at)?;
                    call.commas.push(*token);
                    first = at + 1;
                }
                ")" | "]" => {
                    depth -= 1;
                    if depth == 0 {
                        call.push(tokens, first, at)?;
                        (call.close, call.close_index) = (*token, at);
                        return Ok(call);
                    }
                }
                _ => {}
            }
        }
        Err(SqlError::near(None, tokens.last().map_or(0, Token::end)))
    }

    fn push(&mut self, tokens: &[Token<'a>], first: usize, end: usize) -> Result<(), SqlError> {
        if first >= end {
            return Err(SqlError::near(tokens.get(end), 0));
        }
        self.arguments.push((tokens[first], tokens[end - 1]));
        let words: Vec<&str> = tokens[first..end].iter().map(|token| token.text).collect();
        self.text.push(words.join(" "));
        Ok(())
    }
}

/// `DECODE(e, s1, r1, …[, d])` as a CASE; the two arguments of PostgreSQL's `decode` mean something else, and are left alone.
fn edit_decode(call: &Call<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    let count = call.arguments.len();
    if count < 3 {
        return Ok(());
    }
    let subject = rewrite_expression(&call.text[0])?;
    edits.replace(
        call.name.start..call.commas[0].end(),
        format!("(CASE WHEN ({subject}) IS NOT DISTINCT FROM ("),
    );
    for (number, comma) in call.commas.iter().enumerate().skip(1) {
        let replacement = if number % 2 == 1 {
            ") THEN".to_owned()
        } else if number + 1 == count - 1 {
            " ELSE".to_owned()
        } else {
            format!(" WHEN ({subject}) IS NOT DISTINCT FROM (")
        };
        edits.replace(comma.start..comma.end(), replacement);
    }
    edits.replace(call.close.start..call.close.end(), " END)");
    Ok(())
}

/// An expression that stands a second time in the text that PostgreSQL gets.
pub(super) fn rewrite_expression(text: &str) -> Result<String, SqlError> {
    let tokens = tokenize(text)?;
    let mut edits = Edits::default();
    edit_expressions(&tokens, &mut edits)?;
    Ok(edits.apply(text).text)
}

/// `CAST(x AS type)`: the type has no precision of its own if it is a plain DECIMAL.
fn edit_cast(tokens: &[Token<'_>], index: usize, edits: &mut Edits) -> Result<(), SqlError> {
    let call = Call::at(tokens, index)?;
    if let Some(at) = type_of_cast(tokens, index, &call) {
        edit_decimal(tokens, at, edits);
    }
    Ok(())
}

/// Where the type of a CAST or TRY_CAST begins: behind the AS that is in no parentheses of its own.
fn type_of_cast(tokens: &[Token<'_>], index: usize, call: &Call<'_>) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().take(call.close_index).skip(index + 1) {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ if depth == 1 && token.is_word("as") => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A DECIMAL without precision has 18 digits and no places: <https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html>.
pub(super) fn edit_decimal(tokens: &[Token<'_>], index: usize, edits: &mut Edits) {
    let has_precision = tokens.get(index + 1).is_some_and(|next| next.is_symbol("("));
    if let Some(name) = tokens
        .get(index)
        .filter(|name| is_decimal(name) && !has_precision)
    {
        edits.insert(name.end(), "(18, 0)");
    }
}

fn is_decimal(name: &Token<'_>) -> bool {
    ["decimal", "numeric", "dec"]
        .iter()
        .any(|word| name.is_word(word))
}

/// A type may be as wide as Redshift has it and no wider.
fn check_width(tokens: &[Token<'_>], index: usize) -> Result<(), SqlError> {
    let [name, open, width, ..] = &tokens[index..] else {
        return Ok(());
    };
    let Some(width) = width.text.parse::<u64>().ok().filter(|_| open.is_symbol("(")) else {
        return Ok(());
    };
    let is_char = ["char", "character", "nchar", "bpchar"]
        .iter()
        .any(|word| name.is_word(word));
    let message = if is_decimal(name) && !(1..=38).contains(&width) {
        format!("NUMERIC precision {width} must be between 1 and 38")
    } else if is_char && width > 4096 {
        "length for type character cannot exceed 4096".to_owned()
    } else {
        return Ok(());
    };
    Err(SqlError::Refused { message })
}

/// Redshift's takes two arguments, PostgreSQL's any number.
fn check_concat(call: &Call<'_>) -> Result<(), SqlError> {
    match call.arguments.len() {
        2 => Ok(()),
        count => Err(SqlError::Refused {
            message: format!("CONCAT takes two expressions, not {count}; join more of them by ||"),
        }),
    }
}

/// `TRY_CAST(x AS type)` as a function that takes the type's name, and a null of it.
fn edit_try_cast(tokens: &[Token<'_>], index: usize, edits: &mut Edits) -> Result<(), SqlError> {
    let call = Call::at(tokens, index)?;
    let Some(at) = type_of_cast(tokens, index, &call) else {
        return Ok(());
    };
    let words: Vec<&str> = tokens[at..call.close_index]
        .iter()
        .map(|token| token.text)
        .collect();
    let mut kind = rewrite_expression(&words.join(" "))?;
    if at + 1 == call.close_index && is_decimal(&tokens[at]) {
        kind.push_str("(18, 0)");
    }
    edits.insert(call.arguments[0].0.start, "(");
    edits.replace(
        tokens[at - 1].start..call.close.end(),
        format!(")::text, '{kind}', NULL::{kind})::{kind}"),
    );
    Ok(())
}
