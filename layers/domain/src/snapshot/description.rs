//! A table as somebody describes it, in YAML.
//!
//! ```yaml
//! pages:
//!   dest: pages
//!   columns:
//!   - {dest: _data_timestamp, type: timestamp, sortord: 1, notnull: true}
//!   - {dest: id, type: text, distkey: true, primarykey: true}
//!   meta: {datadatecolumn: _data_timestamp, schema: api}
//! ```
//!
//! One file may describe several tables, each under a name of its own; or it is the description of one. Every fault is named
//! with its line.

use std::fmt;

use crate::document::{self, Content, Fault, Name, Node};
use crate::target::TableName;

/// A VARCHAR holds so many bytes at most.
const MOST_CHARACTERS: u32 = 65_535;
/// A DECIMAL has so many digits at most.
const MOST_DIGITS: u32 = 38;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `boolean`.
    Boolean,
    /// `float`: double precision.
    Float,
    /// `int`.
    Int,
    /// `bigint`.
    Bigint,
    /// `date`.
    Date,
    /// `timestamp`, without a time zone.
    Timestamp,
    /// `timestamptz`.
    TimestampTz,
    /// `text`, `longtext` and `varchar(n)`.
    Varchar(u32),
    /// `decimal(p,s)`.
    Decimal(u32, u32),
    /// `super`.
    Super,
}

impl ColumnType {
    const WORDS: [(&'static str, Self); 10] = [
        ("boolean", Self::Boolean),
        ("float", Self::Float),
        ("int", Self::Int),
        ("bigint", Self::Bigint),
        ("date", Self::Date),
        ("timestamp", Self::Timestamp),
        ("timestamptz", Self::TimestampTz),
        ("text", Self::Varchar(256)),
        ("longtext", Self::Varchar(MOST_CHARACTERS)),
        ("super", Self::Super),
    ];

    /// Reads a type.
    ///
    /// # Errors
    /// What is wrong with it, and which types there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let word = text.trim().to_ascii_lowercase().replace(' ', "");
        if let Some((_, known)) = Self::WORDS.iter().find(|(name, _)| *name == word) {
            return Ok(*known);
        }
        let numbers = |name: &str| -> Option<Vec<Option<u32>>> {
            let inner = word.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
            Some(inner.split(',').map(|number| number.parse().ok()).collect())
        };
        match (numbers("varchar").as_deref(), numbers("decimal").as_deref()) {
            (Some([Some(length)]), _) if (1..=MOST_CHARACTERS).contains(length) => Ok(Self::Varchar(*length)),
            (Some(_), _) => Err(format!(
                "{text:?} is no type; write varchar(1) to varchar({MOST_CHARACTERS})"
            )),
            (_, Some([Some(digits), Some(scale)]))
                if (1..=MOST_DIGITS).contains(digits) && scale <= digits =>
            {
                Ok(Self::Decimal(*digits, *scale))
            }
            (_, Some(_)) => Err(format!(
                "{text:?} is no type; write decimal(p,s) with 0 <= s <= p <= {MOST_DIGITS}"
            )),
            _ => Err(format!(
                "{text:?} is no type; write boolean, float, int, bigint, date, timestamp, timestamptz, text, longtext, \
                 varchar(n), decimal(p,s) or super"
            )),
        }
    }

    /// Whether it tells when: what the column of the data's date must do.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::TimestampTz)
    }

    /// Whether values of both fit the same: how long a text may be does not matter.
    pub fn is_like(self, other: Self) -> bool {
        matches!((self, other), (Self::Varchar(_), Self::Varchar(_))) || self == other
    }
}

/// As Redshift's catalogue spells it.
impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => formatter.write_str("boolean"),
            Self::Float => formatter.write_str("double precision"),
            Self::Int => formatter.write_str("integer"),
            Self::Bigint => formatter.write_str("bigint"),
            Self::Date => formatter.write_str("date"),
            Self::Timestamp => formatter.write_str("timestamp without time zone"),
            Self::TimestampTz => formatter.write_str("timestamp with time zone"),
            Self::Varchar(length) => write!(formatter, "character varying({length})"),
            Self::Decimal(digits, scale) => write!(formatter, "numeric({digits},{scale})"),
            Self::Super => formatter.write_str("super"),
        }
    }
}

/// A column as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// What it holds where a row says nothing, as SQL writes it.
    pub default: Option<String>,
    /// Whether it takes no NULL.
    pub not_null: bool,
    /// Whether it is of the primary key.
    pub primary_key: bool,
    /// Whether rows are spread by it.
    pub dist_key: bool,
    /// Its place among the sort keys, from 1.
    pub sort_order: Option<u32>,
}

/// A table as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The table.
    pub table: TableName,
    /// Its columns, in order.
    pub columns: Vec<DescribedColumn>,
    /// The column that says which date a row's data is of.
    pub date_column: String,
}

impl Description {
    /// Reads the description of a table out of a document.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn read(text: &str, table: &TableName) -> Result<Self, Vec<Fault>> {
        let root = document::read(text).map_err(|fault| vec![fault])?;
        let node = find(&root, table)?;
        let mut reader = Reader::default();
        let description = reader.table(node, table);
        match description.filter(|_| reader.faults.is_empty()) {
            Some(description) => Ok(description),
            None => Err(reader.faults),
        }
    }

    /// The columns of the sort key, in its order.
    pub fn sort_key(&self) -> Vec<&DescribedColumn> {
        let mut sorted: Vec<_> = self
            .columns
            .iter()
            .filter(|column| column.sort_order.is_some())
            .collect();
        sorted.sort_by_key(|column| column.sort_order);
        sorted
    }

    /// The column of the data's date.
    pub fn date(&self) -> Option<&DescribedColumn> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(&self.date_column))
    }
}

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
fn find<'node>(root: &'node Node, table: &TableName) -> Result<&'node Node, Vec<Fault>> {
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

#[derive(Default)]
struct Reader {
    faults: Vec<Fault>,
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

    fn table(&mut self, node: &Node, table: &TableName) -> Option<Description> {
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

/// A default as SQL writes it. It becomes part of a statement, so only what is known to be a value passes.
fn default_sql(value: &str, kind: ColumnType) -> Option<String> {
    let word = value.trim().to_ascii_lowercase();
    let quoted = value
        .trim()
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    let is_clean = |text: &str| !text.contains(['\'', '\\', '\0']);
    if let Some(text) = quoted {
        return is_clean(text).then(|| format!("'{text}'"));
    }
    match kind {
        ColumnType::Boolean => matches!(word.as_str(), "true" | "false").then_some(word),
        ColumnType::Int | ColumnType::Bigint => word.parse::<i64>().ok().map(|number| number.to_string()),
        ColumnType::Float | ColumnType::Decimal(..) => {
            let is_number = word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
            (is_number && word.parse::<f64>().is_ok()).then_some(word)
        }
        ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz => {
            matches!(word.as_str(), "getdate()" | "sysdate" | "current_date").then_some(word)
        }
        ColumnType::Varchar(_) => is_clean(value).then(|| format!("'{value}'")),
        ColumnType::Super => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SOUND: &str = "\
pages:
  dest: pages
  columns:
  - dest: _data_timestamp
    type: timestamp
    notnull: true
    sortord: 1
  - {dest: id, type: text, distkey: true, primarykey: true}
  - {dest: hits, type: bigint, defaultval: 0}
  - {dest: cost, type: \"decimal(10, 2)\"}
  meta:
    datadatecolumn: _data_timestamp
    schema: api
";

    fn table() -> TableName {
        TableName::new("api", "pages")
    }

    fn faults(text: &str) -> String {
        let faults = Description::read(text, &table()).unwrap_err();
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.line, fault.what))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_description_says_what_the_table_is() {
        let description = Description::read(SOUND, &table()).unwrap();
        let kinds: Vec<String> = description
            .columns
            .iter()
            .map(|column| column.kind.to_string())
            .collect();
        assert_eq!(
            kinds,
            [
                "timestamp without time zone",
                "character varying(256)",
                "bigint",
                "numeric(10,2)"
            ]
        );
        assert_eq!(description.date().unwrap().name, "_data_timestamp");
        assert_eq!(description.columns[2].default.as_deref(), Some("0"));
        assert!(description.columns[1].dist_key && description.columns[1].primary_key);
        assert_eq!(description.sort_key()[0].name, "_data_timestamp");
        // The same without a name above it.
        let bare: String = SOUND
            .lines()
            .skip(1)
            .map(|line| format!("{}\n", &line[2..]))
            .collect();
        assert_eq!(Description::read(&bare, &table()).unwrap(), description);
    }

    #[test]
    fn of_several_tables_the_one_that_is_asked_for_is_read() {
        let other = SOUND.replace("pages", "sessions");
        let description = Description::read(&format!("{other}{SOUND}"), &table()).unwrap();
        assert_eq!(description.table, table());
    }

    #[rstest]
    #[case(
        "dest: pages",
        "dest: page",
        "2: dest is \"page\", and \"pages\" was asked for"
    )]
    #[case(
        "schema: api",
        "schema: web",
        "13: schema is \"web\", and \"api\" was asked for"
    )]
    #[case(
        "    datadatecolumn: _data_timestamp\n",
        "",
        "12: meta says no datadatecolumn"
    )]
    #[case(
        "datadatecolumn: _data_timestamp",
        "datadatecolumn: when",
        "12: datadatecolumn is \"when\", which is none of the columns"
    )]
    #[case(
        "datadatecolumn: _data_timestamp",
        "datadatecolumn: hits",
        "12: datadatecolumn \"hits\" is of type bigint"
    )]
    #[case(
        "type: timestamp",
        "type: timestampp",
        "5: \"timestampp\" is no type; write boolean, float"
    )]
    #[case(
        "decimal(10, 2)",
        "decimal(10,12)",
        "10: \"decimal(10,12)\" is no type; write decimal(p,s)"
    )]
    #[case(
        "type: bigint",
        "type: varchar(0)",
        "9: \"varchar(0)\" is no type; write varchar(1)"
    )]
    #[case(
        "notnull: true",
        "notnul: true",
        "6: a column has no notnul; write dest, type, defaultval, notnull"
    )]
    #[case("notnull: true", "notnull: maybe", "6: notnull is true or false")]
    #[case("sortord: 1", "sortord: first", "7: sortord is a number")]
    #[case(
        "defaultval: 0",
        "defaultval: none",
        "9: defaultval \"none\" is none for bigint"
    )]
    #[case("defaultval: 0", "distkey: true", "9: a second column has distkey")]
    #[case("dest: hits", "dest: ID", "9: the column ID is there twice")]
    #[case(
        "  columns:\n",
        "  columns: {}\n  columns2:\n",
        "3: columns is no list with a column in it"
    )]
    fn a_fault_is_named_with_its_line(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
        let changed = SOUND.replacen(from, to, 1);
        assert_ne!(changed, SOUND);
        assert!(faults(&changed).contains(says), "{}", faults(&changed));
    }

    #[test]
    fn what_is_no_yaml_is_said_with_its_line() {
        assert!(
            faults("pages:\n  dest: [pages\n").starts_with(['2', '3']),
            "{}",
            faults("pages:\n  dest: [pages\n")
        );
        assert_eq!(
            faults("- a"),
            "1: this is a list; write a mapping with dest, columns and meta"
        );
        assert!(faults("").contains("there is nothing in it"));
        let both = format!("{0}{1}", SOUND.replace("pages", "a"), SOUND.replace("pages", "b"));
        assert_eq!(
            faults(&both),
            "1: no table here has dest: pages; those that are described are a, b"
        );
    }

    #[test]
    fn all_faults_are_named_together() {
        let text = SOUND
            .replace("bigint", "number")
            .replace("schema: api", "schema: web");
        assert_eq!(faults(&text).lines().count(), 2, "{}", faults(&text));
    }

    #[rstest]
    #[case("it's", ColumnType::Varchar(9), None)]
    #[case("fig", ColumnType::Varchar(9), Some("'fig'"))]
    #[case("'fig'", ColumnType::Varchar(9), Some("'fig'"))]
    #[case("-1.5", ColumnType::Float, Some("-1.5"))]
    #[case("1; DROP TABLE t", ColumnType::Int, None)]
    #[case("GETDATE()", ColumnType::Timestamp, Some("getdate()"))]
    fn only_values_become_defaults(
        #[case] value: &str,
        #[case] kind: ColumnType,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(default_sql(value, kind).as_deref(), expected);
    }
}
