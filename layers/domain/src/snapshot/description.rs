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

mod reader;

use super::ColumnType;
use crate::document::{self, Fault};
use crate::target::TableName;
use reader::{Reader, find};

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
}
