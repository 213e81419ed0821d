//! The tables as a document: what is as it is anyhow is left out, so that a rule's page shows what is particular about it.

use longshore_store::{FieldKind, Preset, Record, RuleBook, RuleRecord, Sheet, SheetColumn};

use super::draft::{COLUMNS, Catalog, LISTS, canonical};
use super::write::scalar;

/// The whole document.
pub fn document(book: &RuleBook, catalog: &Catalog) -> String {
    let mut text = String::new();
    for (list, sheet) in LISTS {
        let entries: Vec<String> = match sheet {
            Sheet::Interface => entries(&book.interfaces, sheet, catalog),
            Sheet::Target => entries(&book.targets, sheet, catalog),
            Sheet::Rule | Sheet::Column => book.rules.iter().map(|rule| self::rule(rule, catalog)).collect(),
        };
        if !entries.is_empty() {
            text.push_str(&format!("{list}:\n{}", entries.concat()));
        }
    }
    text
}

fn entries(records: &[Record], sheet: Sheet, catalog: &Catalog) -> Vec<String> {
    records
        .iter()
        .map(|record| item(&fields(record, sheet, catalog), 2))
        .collect()
}

/// One rule, as an entry of the list of rules.
pub fn rule(rule: &RuleRecord, catalog: &Catalog) -> String {
    let mut text = item(&fields(&rule.fields, Sheet::Rule, catalog), 2);
    let active: Vec<_> = rule.columns.iter().filter(|column| is_active(column)).collect();
    if !active.is_empty() {
        text.push_str(&format!("    {COLUMNS}:\n"));
        for column in active {
            let fields = fields(column, Sheet::Column, catalog);
            match fields.as_slice() {
                [Said { text: Some(name), .. }] => text.push_str(&format!("      - {}\n", scalar(name, 8))),
                fields => text.push_str(&item(fields, 6)),
            }
        }
    }
    text
}

/// Whether a row counts.
pub fn is_active(record: &Record) -> bool {
    record.get("oprtnl_flag").is_some_and(|flag| flag.trim() == "A")
}

/// A field that a document says.
struct Said<'a> {
    column: &'a SheetColumn,
    /// None where it is empty though something else would count.
    text: Option<String>,
}

/// What a record says beyond what counts where nothing is said.
fn fields<'a>(record: &Record, sheet: Sheet, catalog: &'a Catalog) -> Vec<Said<'a>> {
    let said = catalog.fields(sheet).filter_map(|column| {
        let text = value(record, column);
        let preset = match &column.preset {
            Preset::Text(preset) => Some(preset),
            Preset::Empty | Preset::Computed => None,
        };
        let is_particular = text.as_ref() != preset || column.name == sheet.key();
        is_particular.then_some(Said { column, text })
    });
    said.collect()
}

/// A field as a draft would have it. A flag of a fixed length comes with blanks at its end from older tables.
pub fn value(record: &Record, column: &SheetColumn) -> Option<String> {
    let text = record.get(&column.name)?;
    let text = match column.kind {
        FieldKind::Text if column.name.ends_with("_flag") => text.trim_end().to_owned(),
        kind => canonical(kind, text).unwrap_or_else(|_| text.clone()),
    };
    Some(text)
}

fn item(fields: &[Said<'_>], indent: usize) -> String {
    let mut text = String::new();
    for (place, said) in fields.iter().enumerate() {
        let bullet = if place == 0 { "- " } else { "  " };
        let value = match (&said.text, said.column.kind) {
            (None, _) => "~".to_owned(),
            (Some(text), FieldKind::Number | FieldKind::Flag) => text.clone(),
            (Some(text), FieldKind::Text | FieldKind::Other) => scalar(text, indent + 2),
        };
        let margin = " ".repeat(indent);
        text.push_str(&format!("{margin}{bullet}{}: {value}\n", said.column.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::draft::tests::{catalog, draft};
    use super::*;

    const WRITTEN: &str = r#"interfaces:
  - ext_interface_cid: 701
    interface_name: PRICES
rules:
  - ext_file_config_sid: 71
    ext_interface_cid: 701
    file_prefix: "701."
    delimiter: "|"
    file_name_column: ~
    columns:
      - ndc
      - column_name: "unit price"
        column_width_fixed: 12
"#;

    #[test]
    fn what_was_written_by_hand_comes_out_as_it_was() {
        let catalog = catalog();
        let draft = draft(WRITTEN);
        let record = |sheet: Sheet| draft.entries[&sheet][0].record(sheet, &catalog);
        let columns = draft.entries[&Sheet::Rule][0].columns.iter().map(|column| {
            let mut record = column.record(Sheet::Column, &catalog);
            record.insert("oprtnl_flag".to_owned(), "A".to_owned());
            record
        });
        let book = RuleBook {
            interfaces: vec![record(Sheet::Interface)],
            targets: vec![],
            rules: vec![RuleRecord {
                fields: record(Sheet::Rule),
                columns: columns.collect(),
            }],
        };
        assert_eq!(document(&book, &catalog), WRITTEN);
    }
}
