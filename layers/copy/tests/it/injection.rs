//! No text can end its literal and no name its quotes, read back by a scanner that knows nothing of how they were made.

use longshore_copy::{Identifier, Literal, OptionText};
use longshore_domain::target::TableName;
use proptest::prelude::*;

use crate::arrange::{Load, column, rule, set};

/// What a backslash in a quoted text means to an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// It takes away the next character's meaning: Redshift.
    Escapes,
    /// It is a character: PostgreSQL 15.
    IsItself,
}

/// A statement as an engine reads it.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Piece {
    Text(String),
    Name(String),
    Bare(char),
}

/// Reads a statement; `None` when a quote is left open.
fn scan(sql: &str, backslash: Backslash) -> Option<Vec<Piece>> {
    let characters: Vec<char> = sql.chars().collect();
    let mut pieces = Vec::new();
    let mut next = 0;
    while next < characters.len() {
        let quote = characters[next];
        next += 1;
        if quote != '\'' && quote != '"' {
            if !quote.is_whitespace() {
                pieces.push(Piece::Bare(quote));
            }
            continue;
        }
        let mut content = String::new();
        loop {
            let character = *characters.get(next)?;
            next += 1;
            if character == '\\' && quote == '\'' && backslash == Backslash::Escapes {
                content.push(*characters.get(next)?);
                next += 1;
            } else if character != quote {
                content.push(character);
            } else if characters.get(next) == Some(&quote) {
                content.push(quote);
                next += 1;
            } else {
                break;
            }
        }
        pieces.push(if quote == '\'' {
            Piece::Text(content)
        } else {
            Piece::Name(content)
        });
    }
    Some(pieces)
}

/// The value of an expression of texts and `CHR(92)` joined by `||`.
fn value(pieces: &[Piece]) -> String {
    let mut value = String::new();
    let mut bare = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => value.push_str(text),
            Piece::Bare(character) => {
                bare.push(*character);
                if bare.ends_with("CHR(92)") {
                    value.push('\\');
                }
            }
            Piece::Name(_) => bare.push('?'),
        }
    }
    assert!(
        bare.replace("CHR(92)", "")
            .chars()
            .all(|character| "()|".contains(character)),
        "{bare}"
    );
    value
}

/// Texts that are mostly trouble.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("''".to_owned()),
        Just("\\'".to_owned()),
        Just("; DROP TABLE t; --".to_owned()),
        Just("$$".to_owned()),
        Just("/*".to_owned()),
        Just("\n".to_owned()),
        Just("ʼ＇é\u{2019}".to_owned()),
        any::<char>().prop_map(String::from),
        "[a-z0-9_. ]{1,5}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

const ENGINES: [Backslash; 2] = [Backslash::Escapes, Backslash::IsItself];

proptest! {
    #[test]
    fn a_literal_reads_back_as_its_text_on_every_engine(text in nasty()) {
        let Ok(literal) = Literal::new(text.as_str()) else {
            prop_assert!(text.contains('\0'));
            return Ok(());
        };
        for engine in ENGINES {
            let pieces = scan(&literal.to_string(), engine).expect("every quote is closed");
            prop_assert_eq!(value(&pieces), text.clone());
        }
    }

    #[test]
    fn an_option_reads_back_as_its_text_on_every_engine(text in nasty()) {
        let Ok(option) = OptionText::new(text.as_str()) else {
            prop_assert!(text.contains(['\0', '\\']));
            return Ok(());
        };
        for engine in ENGINES {
            prop_assert_eq!(scan(&option.to_string(), engine), Some(vec![Piece::Text(text.clone())]));
        }
    }

    #[test]
    fn a_name_reads_back_as_itself_in_lower_case(text in nasty()) {
        let Ok(name) = Identifier::new(&text) else {
            return Ok(());
        };
        for engine in ENGINES {
            let expected = vec![Piece::Name(text.to_ascii_lowercase())];
            prop_assert_eq!(scan(&name.to_string(), engine), Some(expected));
        }
    }

    #[test]
    fn no_name_or_text_of_a_load_changes_what_its_statements_say(
        file_name in nasty(),
        key in nasty(),
        table in nasty(),
        column in nasty(),
        role in nasty(),
    ) {
        let mut load = Load::of(&rule(|_| {}));
        load.rows_expected = Some(3);
        let plain = load.render().unwrap();
        load.file_name = file_name;
        load.object_url = format!("s3://b/{key}");
        load.manifest_url = format!("s3://b/{key}");
        load.warehouse.iam_role = format!("r{role}");
        load.table = TableName::new("s", table);
        load.columns[0].name = column;
        let Ok(rendered) = load.render() else {
            return Ok(());
        };
        for (plain, rendered) in plain.statements.iter().zip(&rendered.statements) {
            for engine in ENGINES {
                prop_assert_eq!(skeleton(rendered, engine), skeleton(plain, engine));
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_the_key_gives_changes_what_the_statements_say(capture in nasty()) {
        let mut load = Load::of(&rule(|row| {
            row.key_regex = set("in/(?<day>.*)");
            row.load_mode = set("replace_period");
            row.period_column = set("day");
            row.period_value = set("{day}");
            row.columns.push(column("day", None));
            row.pre_sql = set("DELETE FROM a WHERE d = {day}; DELETE FROM b");
            row.post_sql = set("INSERT INTO c SELECT {day}, {day}");
        }));
        load.captures.insert("day".to_owned(), "x".to_owned());
        let plain = load.render().unwrap();
        load.captures.insert("day".to_owned(), capture);
        let Ok(rendered) = load.render() else {
            return Ok(());
        };
        prop_assert_eq!(&rendered.steps, &plain.steps);
        for (plain, rendered) in plain.statements.iter().zip(&rendered.statements) {
            for engine in ENGINES {
                prop_assert_eq!(skeleton(rendered, engine), skeleton(plain, engine));
            }
        }
    }
}

/// What a statement says when the contents of its quotes are blotted out. How a text with backslashes is put together,
/// `('a' || CHR(92) || 'b')`, is no part of that.
fn skeleton(sql: &str, backslash: Backslash) -> Option<String> {
    let mut text = String::new();
    for piece in scan(sql, backslash)? {
        match piece {
            Piece::Text(_) => text.push_str("''"),
            Piece::Name(_) => text.push_str("\"\""),
            Piece::Bare(character) => text.push(character),
        }
    }
    while text.contains("''||CHR(92)||''") {
        text = text.replace("''||CHR(92)||''", "''");
    }
    Some(text.replace("('')", "''"))
}
