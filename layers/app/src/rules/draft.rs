//! Rules as somebody wants them: from a document or from the command line, field by field with its place.

use std::collections::BTreeMap;

use longshore_store::{FieldKind, Preset, Record, Sheet, SheetColumn};

use super::tree::{Content, Name, Node};
use super::{Fault, near};

/// The lists of a document and the tables that they are about.
pub const LISTS: [(&str, Sheet); 3] = [
    ("interfaces", Sheet::Interface),
    ("targets", Sheet::Target),
    ("rules", Sheet::Rule),
];
/// Of a rule: its columns.
pub const COLUMNS: &str = "columns";
/// Fields of a column that follow from where it stands.
const IMPLIED: [&str; 4] = [
    "ext_file_config_dtl_sid",
    "ext_file_config_sid",
    "column_order_sqnc",
    "oprtnl_flag",
];

/// The columns of the tables of rules.
pub struct Catalog(pub Vec<SheetColumn>);

impl Catalog {
    /// The fields that an entry of a table may have: all but those that the database keeps.
    pub fn fields(&self, sheet: Sheet) -> impl Iterator<Item = &SheetColumn> + Clone {
        self.0.iter().filter(move |column| {
            let is_implied = sheet == Sheet::Column && IMPLIED.contains(&column.name.as_str());
            column.sheet == sheet && column.preset != Preset::Computed && !is_implied
        })
    }

    /// Every field that is written of a table's row.
    pub fn written(&self, sheet: Sheet) -> impl Iterator<Item = &SheetColumn> + Clone {
        self.0
            .iter()
            .filter(move |column| column.sheet == sheet && column.preset != Preset::Computed)
    }
}

/// What somebody wants of the tables.
#[derive(Debug, Default)]
pub struct Draft {
    /// Entries by table; columns are within their rules.
    pub entries: BTreeMap<Sheet, Vec<Entry>>,
}

/// A row that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Where it begins; 0 when it is in no document.
    pub line: usize,
    /// By their names.
    pub fields: BTreeMap<String, Field>,
    /// Of a rule.
    pub columns: Vec<Entry>,
}

/// A field's text, or that it is to be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it stands; 0 when it is in no document.
    pub line: usize,
    /// What it says; `None` where it is to be empty.
    pub text: Option<String>,
}

impl Entry {
    /// Where a field stands, or where it would.
    pub fn line_of(&self, field: &str) -> usize {
        self.fields.get(field).map_or(self.line, |field| field.line)
    }

    /// The row: what is given, and for the rest what counts where nothing is given.
    pub fn record(&self, sheet: Sheet, catalog: &Catalog) -> Record {
        let fields = catalog.fields(sheet).filter_map(|column| {
            let text = match (self.fields.get(&column.name), &column.preset) {
                (Some(field), _) => field.text.clone(),
                (None, Preset::Text(preset)) => Some(preset.clone()),
                (None, Preset::Empty | Preset::Computed) => None,
            };
            Some((column.name.clone(), text?))
        });
        fields.collect()
    }

    /// The value of its key, once that is known to be there.
    pub fn key(&self, sheet: Sheet) -> &str {
        let field = self.fields.get(sheet.key());
        field.and_then(|field| field.text.as_deref()).unwrap_or_default()
    }
}

/// Reads a document, or names everything that is wrong with it.
///
/// # Errors
/// Every fault, with its line.
pub fn read(root: &Node, catalog: &Catalog) -> Result<Draft, Vec<Fault>> {
    let mut reader = Reader {
        catalog,
        faults: Vec::new(),
    };
    let draft = reader.document(root);
    match reader.faults.is_empty() {
        true => Ok(draft),
        false => Err(reader.faults),
    }
}

/// An entry of `FIELD=VALUE` texts; an empty value empties the field.
///
/// # Errors
/// Every text that says nothing, and what is missing then.
pub fn assign(entry: &mut Entry, assignments: &[String], catalog: &Catalog) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    for assignment in assignments {
        let Some((name, value)) = assignment.split_once('=') else {
            faults.push(Fault::new(
                0,
                format!("{assignment:?} says nothing; write FIELD=VALUE"),
            ));
            continue;
        };
        if name == COLUMNS {
            entry.columns = value
                .split(',')
                .filter(|text| !text.is_empty())
                .map(column)
                .collect();
            continue;
        }
        let Some(column) = catalog.fields(Sheet::Rule).find(|column| column.name == name) else {
            faults.push(Fault::new(0, unknown_field(name, Sheet::Rule, catalog)));
            continue;
        };
        // COPY's option is called so, and its value may be that word. Anywhere else it is meant for what SQL means by it.
        if value == "NULL" && name != "null_as" {
            faults.push(Fault::new(
                0,
                format!("{name} would be the text NULL; to empty the field, write {name}="),
            ));
            continue;
        }
        let text = (!value.is_empty())
            .then(|| canonical(column.kind, value))
            .transpose();
        match text {
            Ok(text) => drop(entry.fields.insert(name.to_owned(), Field { line: 0, text })),
            Err(problem) => faults.push(Fault::new(0, format!("{name}: {problem}"))),
        }
    }
    missing(entry, Sheet::Rule, catalog, &mut faults);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults),
    }
}

/// A column as the command line names it: `name`, or `name:width`.
fn column(text: &str) -> Entry {
    let (name, width) = text.split_once(':').unwrap_or((text, ""));
    let named = [("column_name", name), ("column_width_fixed", width)];
    let fields = named
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| {
            let text = Some(text.trim().to_owned());
            (name.to_owned(), Field { line: 0, text })
        });
    Entry {
        fields: fields.collect(),
        ..Entry::default()
    }
}

/// A value as the database writes it back: the same value has one text.
///
/// # Errors
/// What is wrong with it.
pub fn canonical(kind: FieldKind, text: &str) -> Result<String, String> {
    match kind {
        FieldKind::Text | FieldKind::Other => Ok(text.to_owned()),
        FieldKind::Number => number(text.trim()).ok_or_else(|| format!("{text:?} is no number")),
        FieldKind::Flag => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" => Ok("true".to_owned()),
            "false" | "f" | "no" | "n" => Ok("false".to_owned()),
            _ => Err(format!("{text:?} is neither true nor false")),
        },
    }
}

fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    })
}

fn unknown_field(name: &str, sheet: Sheet, catalog: &Catalog) -> String {
    let known: Vec<&str> = catalog.fields(sheet).map(|column| column.name.as_str()).collect();
    let more = (sheet == Sheet::Rule).then_some(COLUMNS);
    near::unknown("field", name, known.iter().copied().chain(more))
}

fn missing(entry: &Entry, sheet: Sheet, catalog: &Catalog, faults: &mut Vec<Fault>) {
    for column in catalog.fields(sheet).filter(|column| column.required) {
        let is_given = match entry.fields.get(&column.name) {
            Some(field) => field.text.is_some(),
            None => matches!(column.preset, Preset::Text(_)),
        };
        if !is_given {
            let what = column.description.as_deref().unwrap_or("it must not be empty");
            let said = format!("{} is not set: {what}", column.name);
            faults.push(Fault::new(entry.line_of(&column.name), said));
        }
    }
}

struct Reader<'a> {
    catalog: &'a Catalog,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, what: impl Into<String>) {
        self.faults.push(Fault::new(line, what));
    }

    fn document(&mut self, root: &Node) -> Draft {
        let mut draft = Draft::default();
        let Content::Map(lists) = &root.content else {
            self.fault(
                root.line,
                format!(
                    "here is {}, and not a mapping with interfaces, targets and rules",
                    root.kind()
                ),
            );
            return draft;
        };
        for (name, value) in lists {
            let Some((_, sheet)) = LISTS.iter().find(|(list, _)| *list == name.text) else {
                let known = LISTS.map(|(list, _)| list);
                self.fault(
                    name.line,
                    near::unknown("list of a rules document", &name.text, known),
                );
                continue;
            };
            let entries = self.list(name, value, *sheet);
            self.repeated(&entries, *sheet);
            draft.entries.insert(*sheet, entries);
        }
        draft
    }

    fn list(&mut self, name: &Name, value: &Node, sheet: Sheet) -> Vec<Entry> {
        match &value.content {
            Content::Null => Vec::new(),
            Content::List(items) => items.iter().map(|item| self.entry(item, sheet)).collect(),
            Content::Text(_) | Content::Map(_) => {
                self.fault(
                    value.line,
                    format!("{} is {}, and not a list", name.text, value.kind()),
                );
                Vec::new()
            }
        }
    }

    fn entry(&mut self, node: &Node, sheet: Sheet) -> Entry {
        let mut entry = Entry {
            line: node.line,
            ..Entry::default()
        };
        match &node.content {
            Content::Map(fields) => {
                for (name, value) in fields {
                    self.field(&mut entry, name, value, sheet);
                }
                missing(&entry, sheet, self.catalog, &mut self.faults);
            }
            // The short form of a column that has but a name.
            Content::Text(text) if sheet == Sheet::Column => {
                let field = Field {
                    line: node.line,
                    text: Some(text.clone()),
                };
                entry.fields.insert("column_name".to_owned(), field);
            }
            Content::Null | Content::Text(_) | Content::List(_) => {
                self.fault(
                    node.line,
                    format!("here is {}, and not a mapping of fields", node.kind()),
                );
            }
        }
        entry
    }

    fn field(&mut self, entry: &mut Entry, name: &Name, value: &Node, sheet: Sheet) {
        if sheet == Sheet::Rule && name.text == COLUMNS {
            entry.columns = self.list(name, value, Sheet::Column);
            return;
        }
        let found = self.catalog.fields(sheet).find(|column| column.name == name.text);
        let Some(column) = found else {
            let what = unknown_field(&name.text, sheet, self.catalog);
            self.fault(name.line, what);
            return;
        };
        let text = match &value.content {
            Content::Null => None,
            Content::Text(text) => match canonical(column.kind, text) {
                Ok(text) => Some(text),
                Err(problem) => {
                    self.fault(value.line, format!("{}: {problem}", name.text));
                    return;
                }
            },
            Content::List(_) | Content::Map(_) => {
                self.fault(
                    value.line,
                    format!("{} is {}, and not a text", name.text, value.kind()),
                );
                return;
            }
        };
        let line = name.line;
        entry.fields.insert(name.text.clone(), Field { line, text });
    }

    fn repeated(&mut self, entries: &[Entry], sheet: Sheet) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| !entry.key(sheet).is_empty()) {
            let key = entry.key(sheet);
            if let Some(earlier) = seen.get(key) {
                let what = format!(
                    "{} {key} is there twice; the other is in line {earlier}",
                    sheet.key()
                );
                self.fault(entry.line_of(sheet.key()), what);
            }
            seen.insert(key, entry.line_of(sheet.key()));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tree;
    use super::*;

    fn a_column(sheet: Sheet, name: &str, kind: FieldKind, required: bool, preset: Preset) -> SheetColumn {
        SheetColumn {
            sheet,
            name: name.to_owned(),
            kind,
            required,
            preset,
            description: None,
        }
    }

    /// A few columns of each table.
    pub(crate) fn catalog() -> Catalog {
        use FieldKind::{Flag, Number, Text};
        let text = |text: &str| Preset::Text(text.to_owned());
        let none = || Preset::Empty;
        Catalog(vec![
            a_column(Sheet::Interface, "ext_interface_cid", Number, true, none()),
            a_column(Sheet::Interface, "interface_name", Text, false, none()),
            a_column(Sheet::Rule, "ext_file_config_sid", Number, true, none()),
            a_column(Sheet::Rule, "ext_interface_cid", Number, false, none()),
            a_column(Sheet::Rule, "file_prefix", Text, true, none()),
            a_column(Sheet::Rule, "delimiter", Text, false, none()),
            a_column(Sheet::Rule, "file_name_column", Text, false, text("file_name")),
            a_column(Sheet::Rule, "paused", Flag, true, text("false")),
            a_column(Sheet::Rule, "paused_note", Text, false, none()),
            a_column(Sheet::Rule, "oprtnl_flag", Text, false, text("A")),
            a_column(
                Sheet::Rule,
                "created_date",
                FieldKind::Other,
                true,
                Preset::Computed,
            ),
            a_column(Sheet::Column, "ext_file_config_dtl_sid", Number, true, none()),
            a_column(Sheet::Column, "ext_file_config_sid", Number, false, none()),
            a_column(Sheet::Column, "column_name", Text, true, none()),
            a_column(Sheet::Column, "column_width_fixed", Number, false, none()),
            a_column(Sheet::Column, "column_order_sqnc", Number, true, none()),
            a_column(Sheet::Column, "oprtnl_flag", Text, false, text("A")),
        ])
    }

    pub(crate) fn draft(text: &str) -> Draft {
        read(&tree::read(text).unwrap(), &catalog()).unwrap()
    }

    fn faults(text: &str) -> Vec<(usize, String)> {
        let faults = read(&tree::read(text).unwrap(), &catalog()).unwrap_err();
        faults.into_iter().map(|fault| (fault.line, fault.what)).collect()
    }

    #[test]
    fn what_is_not_given_is_what_the_table_says() {
        let draft = draft("rules:\n  - ext_file_config_sid: 071\n    file_prefix: 701.\n    delimiter: ~\n");
        let record = draft.entries[&Sheet::Rule][0].record(Sheet::Rule, &catalog());
        let fields: Vec<_> = record
            .iter()
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        assert_eq!(
            fields,
            [
                "ext_file_config_sid=71",
                "file_name_column=file_name",
                "file_prefix=701.",
                "oprtnl_flag=A",
                "paused=false"
            ]
        );
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let text = "
rule: []
rules:
  - ext_file_config_sid: one
    delimeter: ','
  - ext_file_config_sid: 2
    file_prefix: [a]
    paused: perhaps
    columns:
      - width: 3
  - ext_file_config_sid: 2
    file_prefix: b
  - nothing
";
        assert_eq!(
            faults(text),
            [
                (
                    2,
                    "\"rule\" is no list of a rules document; did you mean rules?".to_owned()
                ),
                (4, "ext_file_config_sid: \"one\" is no number".to_owned()),
                (5, "\"delimeter\" is no field; did you mean delimiter?".to_owned()),
                (
                    4,
                    "ext_file_config_sid is not set: it must not be empty".to_owned()
                ),
                (4, "file_prefix is not set: it must not be empty".to_owned()),
                (7, "file_prefix is a list, and not a text".to_owned()),
                (8, "paused: \"perhaps\" is neither true nor false".to_owned()),
                (
                    10,
                    "\"width\" is no field; there are column_name, column_width_fixed".to_owned()
                ),
                (10, "column_name is not set: it must not be empty".to_owned()),
                (6, "file_prefix is not set: it must not be empty".to_owned()),
                (13, "here is a text, and not a mapping of fields".to_owned()),
                (
                    11,
                    "ext_file_config_sid 2 is there twice; the other is in line 6".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn one_value_has_one_text() {
        let number = |text| canonical(FieldKind::Number, text);
        assert_eq!(number("007.50").unwrap(), "7.5");
        assert_eq!(number(" 0.0 ").unwrap(), "0");
        assert_eq!(number("-12.00").unwrap(), "-12");
        assert_eq!(number("123456789012345678901234567890").unwrap().len(), 30);
        for text in ["", "1e3", "0x10", ".5", "1.2.3", "--1"] {
            assert!(number(text).is_err(), "{text}");
        }
        assert_eq!(canonical(FieldKind::Flag, "Yes").unwrap(), "true");
    }

    #[test]
    fn the_command_line_sets_and_empties_fields() {
        let mut entry = draft("rules:\n  - ext_file_config_sid: 1\n    file_prefix: a\n    delimiter: ','\n")
            .entries
            .remove(&Sheet::Rule)
            .unwrap()
            .remove(0);
        let said = ["delimiter=", "file_prefix=b=c", "columns=x,y:10"].map(str::to_owned);
        assign(&mut entry, &said, &catalog()).unwrap();
        let record = entry.record(Sheet::Rule, &catalog());
        assert_eq!(
            (record.get("delimiter"), record["file_prefix"].as_str()),
            (None, "b=c")
        );
        let columns: Vec<_> = entry
            .columns
            .iter()
            .map(|column| column.record(Sheet::Column, &catalog()))
            .collect();
        assert_eq!(columns[1]["column_name"], "y");
        assert_eq!(columns[1]["column_width_fixed"], "10");

        let wrong = [
            "colour",
            "delimeter=1",
            "file_prefix=",
            "paused=x",
            "delimiter=NULL",
        ]
        .map(str::to_owned);
        let faults = assign(&mut entry, &wrong, &catalog()).unwrap_err();
        assert_eq!(faults.len(), 5, "{faults:?}");
    }
}
