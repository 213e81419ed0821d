//! The proposal: a document of rules and the statements that make their tables.

use longshore_app::rules::write::{comment, scalar};
use longshore_copy::IdentifierError;
use longshore_copy::ddl::{Contract, ContractColumn};
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::Encoding;
use longshore_domain::target::TableName;
use serde_json::{Value, json};

use super::Known;
use super::layout::{Layout, SampledColumn, Section, Shape};
use super::sample::Sample;
use super::text::shown;
use crate::import::Row;

/// The columns that tell where a row came from.
const FILE_NAME_COLUMN: &str = "file_name";
const LOAD_ID_COLUMN: &str = "load_id";
/// What COPY takes for a date by itself.
const KNOWN_DATE_FORMAT: &str = "YYYY-MM-DD";

/// The rules for files like the samples.
#[derive(Debug)]
pub(crate) struct Proposal {
    sources: Vec<String>,
    remarks: Vec<String>,
    interface: Row,
    rules: Vec<ProposedRule>,
}

#[derive(Debug)]
struct ProposedRule {
    row: Row,
    /// Absent where the rule only splits its files.
    table: Option<ProposedTable>,
}

#[derive(Debug)]
struct ProposedTable {
    name: TableName,
    columns: Vec<ContractColumn>,
    widths: Vec<Option<u32>>,
}

/// The statements that make a rule's tables.
#[derive(Debug)]
pub(crate) struct Tables {
    pub table: TableName,
    pub stage: String,
    pub target: String,
    pub error: String,
}

impl Proposal {
    pub(super) fn of(samples: &[Sample], layout: Layout, known: &Known) -> Result<Self, String> {
        let mut remarks = layout.remarks.clone();
        let table = known
            .table
            .clone()
            .unwrap_or_else(|| TableName::new("public", table_name(&samples[0].name)));
        let found_by = FoundBy::of(samples, &mut remarks)?;
        let mut interface = Row::default();
        interface.set("ext_interface_cid", known.interface);
        interface.set("interface_name", table.table.to_uppercase());
        let draft = Draft {
            layout: &layout,
            known,
            samples,
            table: &table,
            found_by: &found_by,
        };
        let rules = match layout.sections.as_slice() {
            [section] if section.prefix.is_none() => vec![draft.rule(known.rule, section, &mut remarks)?],
            sections => draft.split(sections, &mut remarks)?,
        };
        Ok(Self {
            sources: samples.iter().map(|sample| sample.path.clone()).collect(),
            remarks,
            interface,
            rules,
        })
    }

    /// The document for `rule apply`, what was guessed and the types in front.
    pub(crate) fn yaml(&self) -> String {
        let mut text = comment(&format!(
            "From {}. Review it, make the tables (--ddl prints them), then: longshore rule apply FILE --why TEXT",
            self.sources.join(", ")
        ));
        for remark in &self.remarks {
            let bullet = if remark.starts_with(' ') { " " } else { "-" };
            text.push_str(&comment(&format!("{bullet} {remark}")));
        }
        for table in self.rules.iter().filter_map(|rule| rule.table.as_ref()) {
            text.push_str(&comment(&format!("{}:", table.name)));
            for column in &table.columns {
                text.push_str(&comment(&format!(
                    "  {}: {}",
                    scalar(&column.name, 4),
                    column.kind
                )));
            }
        }
        text.push_str(&format!("interfaces:\n{}rules:\n", self.interface.yaml()));
        for rule in &self.rules {
            text.push_str(&rule.row.yaml());
            if let Some(table) = &rule.table {
                text.push_str("    columns:\n");
                for (column, width) in table.columns.iter().zip(&table.widths) {
                    let name = scalar(&column.name, 8);
                    match width {
                        None => text.push_str(&format!("      - {name}\n")),
                        Some(width) => {
                            text.push_str(&format!(
                                "      - column_name: {name}\n        column_width_fixed: {width}\n"
                            ));
                        }
                    }
                }
            }
        }
        text
    }

    /// The statements of every table.
    pub(crate) fn tables(&self) -> Result<Vec<Tables>, IdentifierError> {
        let tables = self.rules.iter().filter_map(|rule| rule.table.as_ref());
        tables
            .map(|table| {
                Tables::of(&Contract {
                    table: &table.name,
                    columns: &table.columns,
                    file_name_column: Some(FILE_NAME_COLUMN),
                    load_id_column: Some(LOAD_ID_COLUMN),
                })
            })
            .collect()
    }

    pub(crate) fn json(&self) -> Result<Value, IdentifierError> {
        let columns = |table: &ProposedTable| -> Vec<Value> {
            let pairs = table.columns.iter().zip(&table.widths);
            pairs
                .map(|(column, width)| json!({ "name": column.name, "type": column.kind, "width": width }))
                .collect()
        };
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|rule| {
                let mut fields = Value::Object(rule.row.json());
                fields["columns"] = json!(rule.table.as_ref().map(columns).unwrap_or_default());
                fields
            })
            .collect();
        let tables: Vec<Value> = self.tables()?.iter().map(Tables::json).collect();
        Ok(json!({
            "document": self.yaml(), "remarks": self.remarks, "interface": self.interface.json(), "rules": rules, "tables": tables,
        }))
    }
}

impl Tables {
    pub(crate) fn of(contract: &Contract<'_>) -> Result<Self, IdentifierError> {
        Ok(Self {
            table: contract.table.clone(),
            stage: contract.stage()?,
            target: contract.target()?,
            error: contract.error()?,
        })
    }

    pub(crate) fn sql(&self) -> String {
        format!(
            "-- The target: what the rule fills.\n{};\n\n-- Rows that fail a check after the load, as the file had them.\n{};\n\n\
             -- The stage, which each load makes for itself: nothing to be done.\n{}",
            self.target,
            self.error,
            commented(&format!("{};", self.stage))
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "table": self.table.to_string(), "stage": self.stage, "target": self.target, "error": self.error })
    }
}

fn commented(sql: &str) -> String {
    let lines = sql.lines().map(|line| format!("-- {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is said of every rule of a proposal.
struct Draft<'a> {
    layout: &'a Layout,
    known: &'a Known,
    samples: &'a [Sample],
    table: &'a TableName,
    found_by: &'a FoundBy,
}

impl Draft<'_> {
    fn rule(
        &self,
        number: i32,
        section: &Section,
        remarks: &mut Vec<String>,
    ) -> Result<ProposedRule, String> {
        let table = self.proposed(self.table.clone(), section, remarks)?;
        let mut row = self.row(number);
        self.found_by.set(&mut row, self.table);
        row.set("tgt_schema_name", &table.name.schema);
        row.set("tgt_table_name", &table.name.table);
        self.set_format(&mut row)?;
        let names = section.columns.iter().zip(&table.columns);
        if self.layout.has_header {
            let is_same = names
                .clone()
                .all(|(sampled, column)| sampled.name.trim().eq_ignore_ascii_case(&column.name));
            row.set("header_flag", "Y");
            row.set("header_policy", if is_same { "names" } else { "ignore" });
        }
        if let Some(trailer) = &self.layout.trailer {
            row.set("trailer_flag", "Y");
            row.set("trailer_pstn", format!("{}:{}", trailer.start, trailer.end));
        }
        if matches!(self.layout.shape, Shape::Json | Shape::Avro)
            && section
                .columns
                .iter()
                .any(|column| column.name != column.name.to_lowercase())
        {
            row.set("json_paths", "auto ignorecase");
        }
        if let Some(format) = date_format(section).filter(|format| *format != KNOWN_DATE_FORMAT) {
            row.set("date_format", format);
        }
        self.set_lineage(&mut row);
        Ok(ProposedRule {
            row,
            table: Some(table),
        })
    }

    /// The rule that cuts the files, and one for each type of record.
    fn split(&self, sections: &[Section], remarks: &mut Vec<String>) -> Result<Vec<ProposedRule>, String> {
        let FoundBy::Token(token) = self.found_by else {
            return Err(
                "its records are of several types, whose rules are found by the token of the file's name: what follows the last _ (as in SHIPMENTS_702.txt); name the sample so"
                    .to_owned(),
            );
        };
        let prefixes: Vec<&str> = sections
            .iter()
            .filter_map(|section| section.prefix.as_deref())
            .collect();
        let mut whole = self.row(self.known.rule);
        self.found_by.set(&mut whole, self.table);
        self.set_format(&mut whole)?;
        whole.set("split_file_flag", "Y");
        whole.set("split_prefix", prefixes.join(","));
        let mut rules = vec![ProposedRule {
            row: whole,
            table: None,
        }];
        for (number, (section, prefix)) in (self.known.rule + 1..).zip(sections.iter().zip(prefixes)) {
            let name = TableName::new(
                &self.table.schema,
                format!("{}_{}", self.table.table, prefix.to_lowercase()),
            );
            let table = self.proposed(name, section, remarks)?;
            let mut row = self.row(number);
            row.set("file_prefix", format!("{token}-{prefix}."));
            row.set("tgt_schema_name", &table.name.schema);
            row.set("tgt_table_name", &table.name.table);
            self.set_format(&mut row)?;
            if let Some(format) = date_format(section).filter(|format| *format != KNOWN_DATE_FORMAT) {
                row.set("date_format", format);
            }
            self.set_lineage(&mut row);
            rules.push(ProposedRule {
                row,
                table: Some(table),
            });
        }
        Ok(rules)
    }

    fn row(&self, number: i32) -> Row {
        let mut row = Row::default();
        row.set("ext_file_config_sid", number);
        row.set("ext_interface_cid", self.known.interface);
        row
    }

    fn set_format(&self, row: &mut Row) -> Result<(), String> {
        let sample = &self.samples[0];
        let extension = sample.extension();
        if let Some(other) = self
            .samples
            .iter()
            .find(|other| other.extension() != extension || other.compression != sample.compression)
        {
            return Err(format!(
                "{} is compressed otherwise, or its name ends otherwise, than {}; that takes a rule of its own",
                other.path, sample.path
            ));
        }
        let format = match self.layout.shape {
            Shape::Delimited { is_csv: true, .. } => "csv",
            Shape::Delimited { is_csv: false, .. } => "txt",
            Shape::FixedWidth => "fixed_width",
            Shape::Json => "json",
            Shape::Avro => "avro",
            Shape::Parquet => "parquet",
            Shape::Orc => "orc",
        };
        row.set("file_format", format);
        row.set("file_type", extension.as_deref().unwrap_or("none"));
        row.set("compression", sample.compression_word());
        if let Shape::Delimited { delimiter, .. } = self.layout.shape {
            row.set("delimiter", shown(delimiter));
        }
        if self.layout.encoding != Encoding::Utf8 {
            row.set("encoding", self.layout.encoding.as_str());
        }
        Ok(())
    }

    fn set_lineage(&self, row: &mut Row) {
        row.set("file_name_column", FILE_NAME_COLUMN);
        row.set("load_id_column", LOAD_ID_COLUMN);
    }

    fn proposed(
        &self,
        name: TableName,
        section: &Section,
        remarks: &mut Vec<String>,
    ) -> Result<ProposedTable, String> {
        let format = date_format(section);
        let mut table = ProposedTable {
            name,
            columns: vec![],
            widths: vec![],
        };
        for column in &section.columns {
            let found = self.column_name(column)?;
            let name = apart(&found, &table.columns);
            if let Some(doubt) = column.evidence.doubt() {
                remarks.push(format!("column {name} {doubt}"));
            }
            let kind = column.evidence.kind(format);
            table.columns.push(ContractColumn {
                name,
                kind: kind.to_string(),
            });
            table.widths.push(column.width);
        }
        Ok(table)
    }

    /// Formats that find columns by name keep theirs, in lower case.
    fn column_name(&self, column: &SampledColumn) -> Result<String, String> {
        let name = column.name.trim().to_lowercase();
        let name = match self.layout.shape {
            Shape::Json | Shape::Avro => name,
            _ => plain(&name),
        };
        match name.len() {
            0 => Err("a column has no name".to_owned()),
            1..=127 => Ok(name),
            _ => Err(format!("the name of column {name:?} is longer than 127 bytes")),
        }
    }
}

/// The layout that the dates of a section have in common; columns of another one stay text.
fn date_format(section: &Section) -> Option<&'static str> {
    section
        .columns
        .iter()
        .find_map(|column| column.evidence.date_format())
}

fn plain(name: &str) -> String {
    let tame = |character: char| match character.is_alphanumeric() || character == '_' {
        true => character,
        false => '_',
    };
    let name: String = name.chars().map(tame).collect();
    match name.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("c_{name}"),
        false => name,
    }
}

/// A name that no column before has, nor one of those that tell where a row came from.
fn apart(name: &str, before: &[ContractColumn]) -> String {
    let is_taken = |name: &str| {
        before.iter().any(|column| column.name.eq_ignore_ascii_case(name))
            || [FILE_NAME_COLUMN, LOAD_ID_COLUMN].contains(&name)
    };
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !is_taken(name))
        .unwrap_or_default()
}

/// What tells these files from others.
enum FoundBy {
    /// The token of their names.
    Token(String),
    /// An expression over their keys.
    Name(String),
}

impl FoundBy {
    fn of(samples: &[Sample], remarks: &mut Vec<String>) -> Result<Self, String> {
        let token = |sample: &Sample| ObjectKey::new(&sample.name).token().to_owned();
        let first = token(&samples[0]);
        let is_date = first.len() >= 8 && first.bytes().all(|byte| byte.is_ascii_digit());
        if !is_date && !first.is_empty() && samples.iter().all(|sample| token(sample) == first) {
            remarks.push(format!("files are found by the token {first:?}: of their names up to the first dot, what follows the last _"));
            return Ok(Self::Token(first));
        }
        let pattern = pattern(&samples[0].name);
        if let Some(other) = samples
            .iter()
            .find(|sample| self::pattern(&sample.name) != pattern)
        {
            return Err(format!(
                "{} and {} are not called alike, but for digits; name the samples as the files will be",
                samples[0].path, other.path
            ));
        }
        remarks.push(format!(
            "files are found by their names, digits for digits: {pattern}"
        ));
        Ok(Self::Name(pattern))
    }

    fn set(&self, row: &mut Row, table: &TableName) {
        match self {
            Self::Token(token) => row.set("file_prefix", format!("{token}.")),
            Self::Name(pattern) => {
                row.set("file_prefix", format!("{}.", table.table));
                row.set("key_regex", format!("(.*/)?{pattern}"));
            }
        }
    }
}

/// A name as an expression, with any digits in place of digits.
fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    for character in name.chars() {
        match character {
            '0'..='9' if pattern.ends_with("[0-9]+") => {}
            '0'..='9' => pattern.push_str("[0-9]+"),
            _ if character.is_alphanumeric() || matches!(character, '_' | '-' | ' ') => {
                pattern.push(character)
            }
            _ => pattern.extend(['\\', character]),
        }
    }
    pattern
}

/// A file's name without its date, token and extension.
fn table_name(file_name: &str) -> String {
    let stem = file_name.split('.').next().unwrap_or_default();
    let words = stem
        .split(['_', '-', ' '])
        .filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    let name = plain(&words.collect::<Vec<_>>().join("_").to_lowercase());
    if name.is_empty() {
        "sample".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_tables_and_expressions() {
        assert_eq!(table_name("PRICES_20261121_701.txt"), "prices");
        assert_eq!(table_name("20261121.csv.gz"), "sample");
        assert_eq!(pattern("orders_20261121(1).csv"), r"orders_[0-9]+\([0-9]+\)\.csv");
    }
}
