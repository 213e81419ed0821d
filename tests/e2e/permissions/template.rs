//! The template as far as its policies: who may assume a role, who may send to a queue.

use std::path::Path;

use anyhow::{Context, bail};
use saphyr_parser::{Event, Parser, StrInput, Tag};
use serde_json::{Map, Value, json};

/// `orchestration/template.yaml`, with CloudFormation's short forms (`!Ref`) in the long one.
pub(super) fn read() -> anyhow::Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../orchestration/template.yaml");
    let text = std::fs::read_to_string(path)?;
    let mut parser = Parser::new_from_str(&text);
    loop {
        if let Event::DocumentStart(_) = next(&mut parser)? {
            let first = next(&mut parser)?;
            return value(first, &mut parser);
        }
    }
}

fn next<'text>(parser: &mut Parser<'text, StrInput<'text>>) -> anyhow::Result<Event<'text>> {
    Ok(parser.next_event().context("the template ends")??.0)
}

fn value<'text>(event: Event<'text>, parser: &mut Parser<'text, StrInput<'text>>) -> anyhow::Result<Value> {
    let (tag, value) = match event {
        Event::Scalar(text, _, _, tag) => (tag, Value::from(text.into_owned())),
        Event::SequenceStart(_, tag) => (tag, Value::from(list(parser)?)),
        Event::MappingStart(_, tag) => (tag, Value::from(map(parser)?)),
        other => bail!("{other:?} is no value"),
    };
    Ok(match tag.map(|tag| long_name(&tag)) {
        Some(name) => json!({ name: value }),
        None => value,
    })
}

fn list<'text>(parser: &mut Parser<'text, StrInput<'text>>) -> anyhow::Result<Vec<Value>> {
    let mut items = Vec::new();
    loop {
        match next(parser)? {
            Event::SequenceEnd => return Ok(items),
            item => items.push(value(item, parser)?),
        }
    }
}

fn map<'text>(parser: &mut Parser<'text, StrInput<'text>>) -> anyhow::Result<Map<String, Value>> {
    let mut fields = Map::new();
    loop {
        match next(parser)? {
            Event::MappingEnd => return Ok(fields),
            Event::Scalar(name, ..) => {
                let event = next(parser)?;
                fields.insert(name.into_owned(), value(event, parser)?);
            }
            other => bail!("{other:?} is no name"),
        }
    }
}

fn long_name(tag: &Tag) -> String {
    match tag.suffix.as_str() {
        "Ref" => "Ref".to_owned(),
        other => format!("Fn::{other}"),
    }
}
