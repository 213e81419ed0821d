//! The fields of an older configuration: each known by name, with its line, in JSON or as an item of DynamoDB.

use std::collections::BTreeMap;

use longshore_app::rules::tree::{Content, Name, Node, read};
use longshore_app::rules::{Fault, near};
use serde::de::IgnoredAny;

/// The types that DynamoDB wraps values in.
const WRAPPERS: [&str; 8] = ["S", "N", "BOOL", "NULL", "L", "M", "SS", "NS"];

/// Reads JSON with the line of everything in it.
pub(super) fn read_json(text: &str) -> Result<Node, Fault> {
    // The stricter reader first: what it takes is JSON, and then the other one says where things stand.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| Fault::new(error.line(), error.to_string()))?;
    let root = read(&text.replace('\t', " "))?;
    Ok(unwrap(root))
}

/// An item of DynamoDB as the plain value that it stands for.
fn unwrap(node: Node) -> Node {
    let Node { line, content } = node;
    let content = match content {
        Content::Map(mut fields) => match fields.as_slice() {
            [(name, _)] if name.text == "Item" || WRAPPERS.contains(&name.text.as_str()) => {
                let (name, value) = fields.remove(0);
                match name.text.as_str() {
                    "NULL" => Content::Null,
                    _ => unwrap(value).content,
                }
            }
            _ => Content::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, unwrap(value)))
                    .collect(),
            ),
        },
        Content::List(items) => Content::List(items.into_iter().map(unwrap).collect()),
        other => other,
    };
    Node { line, content }
}

/// The fields of one object; those that are not known are faults.
pub(super) struct Fields<'node> {
    found: BTreeMap<&'node str, &'node Node>,
    /// Where the object begins.
    line: usize,
}

impl<'node> Fields<'node> {
    pub(super) fn of(node: &'node Node, what: &str, known: &[&str], faults: &mut Vec<Fault>) -> Self {
        let mut found = BTreeMap::new();
        match &node.content {
            Content::Map(fields) => {
                for (Name { line, text }, value) in fields {
                    match known.contains(&text.as_str()) {
                        true => drop(found.insert(text.as_str(), value)),
                        false => faults.push(Fault::new(
                            *line,
                            near::unknown(what, text, known.iter().copied()),
                        )),
                    }
                }
            }
            _ => faults.push(Fault::new(
                node.line,
                format!("here is {}, and not an object", node.kind()),
            )),
        }
        Self {
            found,
            line: node.line,
        }
    }

    pub(super) fn node(&self, names: &[&str]) -> Option<&'node Node> {
        names.iter().find_map(|name| self.found.get(name)).copied()
    }

    /// The first of these fields that says something.
    pub(super) fn text(&self, names: &[&str]) -> Option<String> {
        let texts = names
            .iter()
            .filter_map(|name| match &self.found.get(name)?.content {
                Content::Text(text) => Some(text.trim().to_owned()),
                Content::Null | Content::List(_) | Content::Map(_) => None,
            });
        texts.into_iter().find(|text| !text.is_empty())
    }

    /// Whether one of these fields is there and says something, which is not looked at.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.text(names).is_some()
    }

    pub(super) fn required(&self, names: &[&str], faults: &mut Vec<Fault>) -> String {
        self.text(names).unwrap_or_else(|| {
            let line = self.node(names).map_or(self.line, |node| node.line);
            faults.push(Fault::new(line, format!("{} is not set", names[0])));
            String::new()
        })
    }

    /// Y, yes, true; anything else is none.
    pub(super) fn is_yes(&self, names: &[&str]) -> bool {
        let text = self.text(names).unwrap_or_default().to_ascii_lowercase();
        matches!(text.as_str(), "y" | "yes" | "true" | "1")
    }

    /// A count that is more than `least`.
    pub(super) fn count_above(&self, names: &[&str], least: u64, faults: &mut Vec<Fault>) -> Option<String> {
        let text = self.text(names)?;
        let Ok(count) = text.parse::<u64>() else {
            let line = self.node(names).map_or(self.line, |node| node.line);
            faults.push(Fault::new(line, format!("{}: {text:?} is no count", names[0])));
            return None;
        };
        (count > least).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_dynamodb_is_read_as_the_values_that_it_wraps() {
        let item = r#"{"Item": {"a": {"S": "x"}, "b": {"L": [{"M": {"c": {"N": "1"}, "d": {"BOOL": true}}}]}, "e": {"NULL": true}}}"#;
        let plain = r#"{"a": "x", "b": [{"c": 1, "d": true}], "e": null}"#;
        assert_eq!(read_json(item).unwrap(), read_json(plain).unwrap());
    }

    #[test]
    fn what_is_no_json_is_said_with_its_line() {
        assert_eq!(read_json("{\n  a: 1\n}").unwrap_err().line, 2);
        assert_eq!(read_json("{\n\t\"a\": 1,\n}").unwrap_err().line, 3);
        assert!(read_json("{\n\t\"a\":\t1\n}").is_ok());
    }
}
