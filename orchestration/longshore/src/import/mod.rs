//! The configuration files of older loaders as rules of ours, to be reviewed and then applied.
//!
//! Nothing here asks a database: the fields are written under the names of our columns, and `rule apply` judges them. What has
//! no counterpart is a remark, and what is a secret is neither read nor printed.

pub(crate) mod awslabs;
mod copy_options;
mod fields;
mod judge;
pub(crate) mod microbatch;

use longshore_app::rules::write::{comment, scalar};
use serde_json::{Map, Value, json};

/// Where the numbers of what is imported begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub rule: i32,
    pub interface: i64,
    pub target: i32,
}

#[cfg(test)]
impl Numbers {
    const SAMPLE: Self = Self {
        rule: 71,
        interface: 701,
        target: 1,
    };
}

/// A configuration as rules.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub interface: Row,
    pub target: Row,
    /// Warehouses beside that one.
    pub further: Vec<Row>,
    pub rule: Row,
    pub columns: Vec<String>,
    /// What was left out, guessed, or is to be done.
    pub remarks: Vec<String>,
}

/// Fields of one row, in the order in which they are shown.
#[derive(Debug, Default)]
pub(crate) struct Row(Vec<(String, String)>);

impl Row {
    pub(crate) fn set(&mut self, field: &str, value: impl ToString) {
        self.0.retain(|(name, _)| name != field);
        self.0.push((field.to_owned(), value.to_string()));
    }

    fn set_all(&mut self, Row(fields): Row) {
        for (field, value) in fields {
            self.set(&field, value);
        }
    }

    fn set_if(&mut self, field: &str, value: Option<String>) {
        if let Some(value) = value {
            self.set(field, value);
        }
    }

    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == field);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn yaml(&self) -> String {
        let lines = self.0.iter().enumerate().map(|(place, (field, value))| {
            let bullet = if place == 0 { "  - " } else { "    " };
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty();
            let value = match value.as_str() {
                "" => "~".to_owned(),
                number if is_number => number.to_owned(),
                text => scalar(text, 4),
            };
            format!("{bullet}{field}: {value}\n")
        });
        lines.collect()
    }

    pub(crate) fn json(&self) -> Map<String, Value> {
        let fields = self.0.iter();
        fields
            .map(|(field, value)| (field.clone(), json!(value)))
            .collect()
    }
}

impl Imported {
    pub(crate) fn remark(&mut self, remark: impl Into<String>) {
        self.remarks.push(remark.into());
    }

    /// The older loaders moved no file, and others may read them where they lie.
    fn leave_files(&mut self) {
        self.rule.set("archive_flag", "N");
        self.remark(
            "archive_flag: its files stay where they landed, as they did; leave it out to have them moved to the archive",
        );
    }

    /// The table's name, which may come without a schema.
    fn set_table(&mut self, name: &str) {
        let (schema, table) = match name.split_once('.') {
            Some((schema, table)) => (schema, table),
            None => {
                self.remark("the table came without a schema: public is assumed");
                ("public", name)
            }
        };
        self.rule.set("tgt_schema_name", schema);
        self.rule.set("tgt_table_name", table);
    }

    /// The document for `rule apply`, its remarks in front.
    pub(crate) fn yaml(&self, source: &str) -> String {
        let mut text = comment(&format!(
            "From {source}. Review it, then: longshore rule apply FILE --why TEXT"
        ));
        for remark in &self.remarks {
            text.push_str(&comment(&format!("- {remark}")));
        }
        text.push_str(&format!("interfaces:\n{}", self.interface.yaml()));
        if !self.target.0.is_empty() {
            text.push_str(&format!("targets:\n{}", self.target.yaml()));
            text.extend(self.further.iter().map(Row::yaml));
        }
        text.push_str(&format!("rules:\n{}", self.rule.yaml()));
        if !self.columns.is_empty() {
            text.push_str("    columns:\n");
            for column in &self.columns {
                text.push_str(&format!("      - {}\n", scalar(column, 8)));
            }
        }
        text
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        let mut rule = self.rule.json();
        rule.insert("columns".to_owned(), json!(self.columns));
        let targets: Vec<_> = (!self.target.0.is_empty())
            .then(|| self.target.json())
            .into_iter()
            .chain(self.further.iter().map(Row::json))
            .collect();
        json!({
            "interfaces": [self.interface.json()], "targets": targets, "rules": [rule], "remarks": self.remarks,
        })
    }
}
