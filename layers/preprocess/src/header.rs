//! Fields of a header record.

use crate::report::HeaderRecord;
use crate::spec::Framing;

/// Reads the fields of a header record from its text.
pub(crate) fn read_header(text: String, delimiter: Option<u8>, framing: Framing) -> HeaderRecord {
    let fields = match (delimiter, framing) {
        (None, _) => vec![text.clone()],
        (Some(delimiter), Framing::Quoted { quote, escape }) => {
            quoted_fields(&text, delimiter, quote, escape)
        }
        (Some(delimiter), Framing::Lines | Framing::Escaped { .. } | Framing::Opaque) => text
            .split(char::from(delimiter))
            .map(|field| strip_quotes(field).to_owned())
            .collect(),
    };
    HeaderRecord { text, fields }
}

/// Drops the quotes around a field, as REMOVEQUOTES does.
fn strip_quotes(field: &str) -> &str {
    field
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(field)
}

fn quoted_fields(text: &str, delimiter: u8, quote: u8, escape: Option<u8>) -> Vec<String> {
    let (delimiter, quote) = (char::from(delimiter), char::from(quote));
    let escape = escape.map(char::from).filter(|&escape| escape != quote);
    let mut fields = vec![String::new()];
    let mut inside = false;
    let mut at_start = true;
    let mut symbols = text.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let field = fields.last_mut().expect("there is always a last field");
        let starts = std::mem::replace(&mut at_start, false);
        let is_doubled = symbol == quote && symbols.peek() == Some(&quote);
        if inside && (is_doubled || Some(symbol) == escape) {
            field.extend(symbols.next());
        } else if inside && symbol == quote {
            inside = false;
        } else if !inside && starts && symbol == quote {
            inside = true;
        } else if !inside && symbol == delimiter {
            fields.push(String::new());
            at_start = true;
        } else {
            field.push(symbol);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::read_header;
    use crate::spec::Framing;

    const CSV: Framing = Framing::Quoted {
        quote: b'"',
        escape: None,
    };

    #[test]
    fn quoted_names_keep_delimiters_and_doubled_quotes() {
        let header = read_header(r#"id,"name, full","a ""b""",,x"y"#.to_owned(), Some(b','), CSV);
        assert_eq!(header.fields, ["id", "name, full", r#"a "b""#, "", r#"x"y"#]);
    }

    #[test]
    fn an_escape_takes_the_meaning_from_a_quote() {
        let framing = Framing::Quoted {
            quote: b'"',
            escape: Some(b'\\'),
        };
        let header = read_header(r#""a\",b",c"#.to_owned(), Some(b','), framing);
        assert_eq!(header.fields, [r#"a",b"#, "c"]);
    }

    #[test]
    fn delimited_names_lose_their_surrounding_quotes() {
        let header = read_header(r#""id"|name|""#.to_owned(), Some(b'|'), Framing::Lines);
        assert_eq!(header.fields, ["id", "name", "\""]);
    }

    #[test]
    fn fixed_width_has_one_field() {
        assert_eq!(
            read_header("id  name".to_owned(), None, Framing::Lines).fields,
            ["id  name"]
        );
    }
}
