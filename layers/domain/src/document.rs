//! A YAML or JSON document as a tree in which everything knows its line.
//!
//! A value is kept as it is written: `701.` is no number here, and `N` no `false`. What it means is for the column to say that
//! it is meant for.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// A document of ours has four levels; one that has more than these is not read.
const DEEPEST: usize = 32;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1; 0 for what was not written in a file.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Fault {
    /// A fault at a line.
    pub fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins, counted from 1.
    pub line: usize,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, as it is written.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// In the order of writing; no name stands twice.
    Map(Vec<(Name, Node)>),
}

/// A field's name with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// The name.
    pub text: String,
}

impl Node {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// Reads a document, or says where it is none.
pub fn read(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
    };
    loop {
        match reader.next()? {
            (Event::DocumentStart(_), _) => break,
            (Event::StreamEnd, _) => return Err(Fault::new(1, "there is nothing in it")),
            _ => {}
        }
    }
    let first = reader.next()?;
    let root = reader.node(first, 0)?;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(root),
            (Event::DocumentStart(_), place) => {
                return Err(Fault::new(
                    line(&place),
                    "a second document begins here; write one",
                ));
            }
            _ => {}
        }
    }
}

struct Reader<'text> {
    parser: Parser<'text, saphyr_parser::StrInput<'text>>,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Fault::new(error.marker().line(), error.info())),
            None => Err(Fault::new(1, "it ends before its end")),
        }
    }

    fn node(&mut self, (event, place): (Event<'text>, Span), depth: usize) -> Result<Node, Fault> {
        let line = line(&place);
        if depth > DEEPEST {
            return Err(Fault::new(
                line,
                format!("it is nested deeper than {DEEPEST} levels"),
            ));
        }
        let content = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => Content::List(self.list(depth)?),
            Event::MappingStart(..) => Content::Map(self.map(depth)?),
            Event::Alias(_) => {
                return Err(Fault::new(line, "aliases (*) are not read; write it out"));
            }
            _ => return Err(Fault::new(line, "there is no value here")),
        };
        Ok(Node { line, content })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                item => items.push(self.node(item, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Name, Node)>, Fault> {
        let mut fields: Vec<(Name, Node)> = Vec::new();
        loop {
            let name = match self.next()? {
                (Event::MappingEnd, _) => return Ok(fields),
                (Event::Scalar(text, ..), place) => Name {
                    line: line(&place),
                    text: text.into_owned(),
                },
                (_, place) => return Err(Fault::new(line(&place), "a field's name is a text")),
            };
            if let Some((earlier, _)) = fields.iter().find(|(earlier, _)| earlier.text == name.text) {
                let what = format!(
                    "{} is there twice; the other is in line {}",
                    name.text, earlier.line
                );
                return Err(Fault::new(name.line, what));
            }
            let value = self.next()?;
            fields.push((name, self.node(value, depth + 1)?));
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Content {
    let is_null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    match style {
        ScalarStyle::Plain if is_null => Content::Null,
        _ => Content::Text(text.to_owned()),
    }
}

fn line(place: &Span) -> usize {
    place.start.line()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let fault = read(text).unwrap_err();
        format!("{}: {}", fault.line, fault.what)
    }

    #[test]
    fn values_are_kept_as_they_are_written() {
        let node = read("a: 701.\nb: N\nc: ~\nd:\n  - \"~\"\n  - 1e3\n").unwrap();
        let Content::Map(fields) = node.content else {
            panic!("{node:?}")
        };
        let texts: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.line, &value.content))
            .collect();
        assert_eq!(texts[0], (1, &Content::Text("701.".to_owned())));
        assert_eq!(texts[1], (2, &Content::Text("N".to_owned())));
        assert_eq!(texts[2], (3, &Content::Null));
        let Content::List(items) = texts[3].1 else {
            panic!("{texts:?}")
        };
        assert_eq!(
            (items[0].line, &items[0].content),
            (5, &Content::Text("~".to_owned()))
        );
    }

    #[test]
    fn json_is_read_too() {
        let node = read("{\n  \"a\": {\"b\": [\"c\", 1, null]}\n}\n").unwrap();
        let Content::Map(fields) = &node.content else {
            panic!("{node:?}")
        };
        assert_eq!((fields[0].0.line, fields[0].0.text.as_str()), (2, "a"));
    }

    #[test]
    fn what_is_no_document_is_said_with_its_line() {
        assert_eq!(fault(""), "1: there is nothing in it");
        assert_eq!(
            fault("a: 1\nb: 2\na: 3\n"),
            "3: a is there twice; the other is in line 1"
        );
        assert_eq!(
            fault("a: &x 1\nb: *x\n"),
            "2: aliases (*) are not read; write it out"
        );
        assert_eq!(
            fault("a: 1\n---\nb: 1\n"),
            "2: a second document begins here; write one"
        );
        assert!(fault("a: [1,\nb: \"\n").starts_with(char::is_numeric));
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert!(fault(&deep).contains("nested deeper"));
    }
}
