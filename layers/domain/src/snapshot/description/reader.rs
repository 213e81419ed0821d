//! From a YAML document to a description, collecting faults with their lines.

use super::{DescribedColumn, Description};
use crate::document::{Content, Fault, Name, Node};
use crate::snapshot::ColumnType;
use crate::snapshot::column_type::default_sql;
use crate::target::TableName;

fn field<'node>(node: &'node Node, name: &str) -> Option<&'node Node> {
    let Content::Map(fields) = &node.content else {
        return None;
    };
    fields
        .iter()
        .find(|(field, _)| field.text == name)
        .map(|(_, value)| value)
}

fn text(node: &Node) -> Option<&str> {
    match &node.content {
        Content::Text(text) => Some(text),
        Content::Null | Content::List(_) | Content::Map(_) => None,
    }
}

/// The description of a table: the document itself, or the one of its entries that names the table.
pub(super) fn find<'node>(root: &'node Node, table: &TableName) -> Result<&'node Node, Vec<Fault>> {
    let Content::Map(entries) = &root.content else {
        let what = format!(
            "this is {}; write a mapping with dest, columns and meta",
            root.kind()
        );
        return Err(vec![Fault::new(root.line, what)]);
    };
    if field(root, "dest").is_some() || field(root, "columns").is_some() {
        return Ok(root);
    }
    let is_it = |node: &Node| {
        let named = field(node, "dest").and_then(text);
        named.is_some_and(|named| named.eq_ignore_ascii_case(&table.table))
    };
    let of_table: Vec<&Node> = entries
        .iter()
        .map(|(_, node)| node)
        .filter(|node| is_it(node))
        .collect();
    let of_schema = |node: &&&Node| {
        let schema = field(node, "meta")
            .and_then(|meta| field(meta, "schema"))
            .and_then(text);
        schema.is_some_and(|schema| schema.eq_ignore_ascii_case(&table.schema))
    };
    let found = of_table.iter().find(of_schema).or(of_table.first()).copied();
    // A single entry is what was meant: its own faults say more than that it was not found.
    let only = match entries.as_slice() {
        [(_, only)] => Some(only),
        _ => None,
    };
    found.or(only).ok_or_else(|| {
        let described: Vec<&str> = entries
            .iter()
            .filter_map(|(_, node)| field(node, "dest").and_then(text))
            .collect();
        let what = format!(
            "no table here has dest: {}; those that are described are {}",
            table.table,
            if described.is_empty() {
                "none".to_owned()
            } else {
                described.join(", ")
            }
        );
        vec![Fault::new(root.line, what)]
    })
}

/// Reads a description, and gathers its faults on the way.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, line: usize, what: impl Into<String>) {
        self.faults.push(Fault::new(line, what));
    }

    /// The fields of a mapping, each of which must be one of these.
    fn fields<'node>(&mut self, node: &'node Node, what: &str, known: &[&str]) -> &'node [(Name, Node)] {
        let Content::Map(fields) = &node.content else {
            self.fault(
                node.line,
                format!(
                    "{what} is {}; write a mapping with {}",
                    node.kind(),
                    known.join(", ")
                ),
            );
            return &[];
        };
        for (name, _) in fields {
            if !known.contains(&name.text.as_str()) {
                self.fault(
                    name.line,
                    format!("{what} has no {}; write {}", name.text, known.join(", ")),
                );
            }
        }
        fields
    }

    /// A text that must be there.
    fn required<'node>(&mut self, node: &'node Node, what: &str, name: &str) -> Option<&'node str> {
        let found = field(node, name);
        let value = found.and_then(text).filter(|value| !value.trim().is_empty());
        if value.is_none() && matches!(node.content, Content::Map(_)) {
            let line = found.map_or(node.line, |found| found.line);
            self.fault(line, format!("{what} says no {name}; write {name}: and a text"));
        }
        value
    }

    fn flag(&mut self, node: &Node, name: &str) -> bool {
        let Some(found) = field(node, name) else {
            return false;
        };
        match text(found).map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "yes") => true,
            Some("false" | "no") => false,
            _ => {
                self.fault(found.line, format!("{name} is true or false"));
                false
            }
        }
    }

    pub(super) fn table(&mut self, node: &Node, table: &TableName) -> Option<Description> {
        self.fields(node, "a table", &["dest", "columns", "meta"]);
        self.named(node, "the table", "dest", &table.table);
        let columns = self.columns(node);
        let meta = field(node, "meta");
        if meta.is_none() {
            self.fault(
                node.line,
                "the table has no meta; write meta: with datadatecolumn and schema",
            );
        }
        let date_column = meta.and_then(|meta| self.meta(meta, table, &columns))?;
        Some(Description {
            table: table.clone(),
            columns,
            date_column,
        })
    }

    /// A text that must be what was asked for.
    fn named(&mut self, node: &Node, what: &str, name: &str, asked: &str) {
        let Some(found) = self.required(node, what, name) else {
            return;
        };
        if !found.eq_ignore_ascii_case(asked) {
            let line = field(node, name).map_or(node.line, |found| found.line);
            self.fault(line, format!("{name} is {found:?}, and {asked:?} was asked for"));
        }
    }

    fn meta(&mut self, meta: &Node, table: &TableName, columns: &[DescribedColumn]) -> Option<String> {
        self.fields(meta, "meta", &["datadatecolumn", "schema"]);
        self.named(meta, "meta", "schema", &table.schema);
        let date = self.required(meta, "meta", "datadatecolumn")?;
        let line = field(meta, "datadatecolumn").map_or(meta.line, |found| found.line);
        match columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(date))
        {
            None => self.fault(
                line,
                format!("datadatecolumn is {date:?}, which is none of the columns"),
            ),
            Some(column) if !column.kind.is_temporal() => self.fault(
                line,
                format!(
                    "datadatecolumn {date:?} is of type {}; a date, timestamp or timestamptz tells a date",
                    column.kind
                ),
            ),
            Some(_) => {}
        }
        Some(date.to_owned())
    }

    fn columns(&mut self, node: &Node) -> Vec<DescribedColumn> {
        let list = match field(node, "columns").map(|columns| (columns.line, &columns.content)) {
            Some((_, Content::List(list))) if !list.is_empty() => list,
            Some((line, _)) => {
                self.fault(
                    line,
                    "columns is no list with a column in it; write - {dest: id, type: int} for each",
                );
                return vec![];
            }
            None => {
                self.fault(
                    node.line,
                    "the table has no columns; write columns: with - {dest: id, type: int} for each",
                );
                return vec![];
            }
        };
        let mut columns: Vec<DescribedColumn> = vec![];
        for node in list {
            let Some(column) = self.column(node) else { continue };
            let is_same = |other: &DescribedColumn| other.name.eq_ignore_ascii_case(&column.name);
            if columns.iter().any(is_same) {
                self.fault(node.line, format!("the column {} is there twice", column.name));
            }
            if column.dist_key && columns.iter().any(|other| other.dist_key) {
                self.fault(node.line, "a second column has distkey; a table has one");
            }
            let shares = |other: &DescribedColumn| other.sort_order == column.sort_order;
            if column.sort_order.is_some() && columns.iter().any(shares) {
                self.fault(
                    node.line,
                    "a second column has this sortord; number them 1, 2, 3 …",
                );
            }
            columns.push(column);
        }
        columns
    }

    fn column(&mut self, node: &Node) -> Option<DescribedColumn> {
        let known = [
            "dest",
            "type",
            "defaultval",
            "notnull",
            "primarykey",
            "distkey",
            "sortord",
        ];
        self.fields(node, "a column", &known);
        let name = self.required(node, "a column", "dest");
        let kind = self
            .required(node, "a column", "type")
            .and_then(|text| match ColumnType::parse(text) {
                Ok(kind) => Some(kind),
                Err(problem) => {
                    let line = field(node, "type").map_or(node.line, |found| found.line);
                    self.fault(line, problem);
                    None
                }
            });
        let not_null = self.flag(node, "notnull");
        let primary_key = self.flag(node, "primarykey");
        let dist_key = self.flag(node, "distkey");
        let sort_order = self.sort_order(node);
        let (name, kind) = (name?, kind?);
        Some(DescribedColumn {
            name: name.trim().to_owned(),
            kind,
            default: self.column_default(node, kind),
            not_null,
            primary_key,
            dist_key,
            sort_order,
        })
    }

    /// 0 is what the field says where it says nothing.
    fn sort_order(&mut self, node: &Node) -> Option<u32> {
        let found = field(node, "sortord")?;
        let Some(number) = text(found).and_then(|text| text.parse::<u32>().ok()) else {
            self.fault(
                found.line,
                "sortord is a number: 1 for the first sort key, 2 for the second",
            );
            return None;
        };
        (number > 0).then_some(number)
    }

    fn column_default(&mut self, node: &Node, kind: ColumnType) -> Option<String> {
        let found = field(node, "defaultval")?;
        let value = text(found).filter(|value| !value.is_empty())?;
        match default_sql(value, kind) {
            Some(sql) => Some(sql),
            None => {
                self.fault(
                    found.line,
                    format!(
                        "defaultval {value:?} is none for {kind}; write a number, true, false, a 'text' or getdate()"
                    ),
                );
                None
            }
        }
    }
}
