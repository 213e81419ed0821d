//! The tables of rules as a whole, to be read, changed and written back.
//!
//! Every field is a text here, under the name of its column, and what is empty is left out. Which columns there are is the
//! catalogue's to say: one that a migration adds is read and written without a word in this file.

use std::collections::BTreeMap;

use longshore_domain::rule::{RuleId, RuleRow};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::operation::Operator;
use crate::queries::Query;
use crate::read::{Reader, json, text};
use crate::rules::rule_row;
use crate::transaction::Transaction;
use crate::{Store, StoreError};

/// A row of a table, field by field.
pub type Record = BTreeMap<String, String>;

/// A table that rules are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sheet {
    /// `ext_interface`.
    Interface,
    /// `ext_target`.
    Target,
    /// `ext_file_config`.
    Rule,
    /// `ext_file_config_dtl`.
    Column,
}

impl Sheet {
    /// Every table, those that others refer to first.
    pub const ALL: [Self; 4] = [Self::Interface, Self::Target, Self::Rule, Self::Column];

    /// Its name in the database.
    pub fn table(self) -> &'static str {
        match self {
            Self::Interface => "ext_interface",
            Self::Target => "ext_target",
            Self::Rule => "ext_file_config",
            Self::Column => "ext_file_config_dtl",
        }
    }

    /// Its primary key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Interface => "ext_interface_cid",
            Self::Target => "ext_target_sid",
            Self::Rule => "ext_file_config_sid",
            Self::Column => "ext_file_config_dtl_sid",
        }
    }

    fn write(self) -> Query {
        match self {
            Self::Interface => Query::InterfaceWrite,
            Self::Target => Query::TargetWrite,
            Self::Rule => Query::RuleWrite,
            Self::Column => Query::DetailWrite,
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Anything else, in PostgreSQL's own words.
    Other,
}

/// What counts where a field is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    /// Nothing.
    Empty,
    /// This text.
    Text(String),
    /// What the database makes of an expression, such as the time.
    Computed,
}

/// A column of one of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetColumn {
    /// The table.
    pub sheet: Sheet,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it must hold something.
    pub required: bool,
    /// What it holds where nothing is given.
    pub preset: Preset,
    /// What it is, as the database's own comment says.
    pub description: Option<String>,
}

/// Rules, and what they refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleBook {
    /// The feeds.
    pub interfaces: Vec<Record>,
    /// The warehouses.
    pub targets: Vec<Record>,
    /// The rules.
    pub rules: Vec<RuleRecord>,
}

/// A rule with its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleRecord {
    /// The row of `ext_file_config`.
    pub fields: Record,
    /// Its rows of `ext_file_config_dtl`, those that are switched off too, in order.
    pub columns: Vec<Record>,
}

/// Whole rows to write, table by table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleChange {
    /// What the change was made from; should what it is about be another by then, nothing is written.
    pub seen: RuleBook,
    /// The rules that [`RuleChange::seen`] was read for; None for all of them.
    pub about: Option<Vec<i32>>,
    /// Rows by table; a column's row without a number is a new one.
    pub rows: BTreeMap<Sheet, Vec<Record>>,
}

/// Whether a change stays, once it has been looked at in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It is undone, and nothing has happened.
    Undo,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is written.
    Kept,
    /// It was undone, as it was judged.
    Undone,
    /// Somebody else changed the same rules meanwhile; nothing is written.
    Meanwhile,
}

impl RuleChange {
    /// Whether it was made from what it is about as that is now: its rules, and the feeds and warehouses that it writes. Others
    /// may come and go.
    fn is_of(&self, now: &RuleBook) -> bool {
        self.seen.rules == now.rules
            && self.writes_over_the_same(Sheet::Interface, &self.seen.interfaces, &now.interfaces)
            && self.writes_over_the_same(Sheet::Target, &self.seen.targets, &now.targets)
    }

    fn writes_over_the_same(&self, sheet: Sheet, seen: &[Record], now: &[Record]) -> bool {
        let written = self.rows.get(&sheet).map(Vec::as_slice).unwrap_or_default();
        let found = |records: &[Record], key: Option<&String>| {
            records
                .iter()
                .find(|record| record.get(sheet.key()) == key)
                .cloned()
        };
        written.iter().all(|record| {
            let key = record.get(sheet.key());
            found(seen, key) == found(now, key)
        })
    }
}

impl Store {
    /// The columns of the tables of rules, in their order.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rule_catalog(&self) -> Result<Vec<SheetColumn>, StoreError> {
        let rows = self.rows(Query::RuleCatalog, &[]).await?;
        rows.iter().map(read_column).collect()
    }

    /// All interfaces and targets, and these rules; without a choice all of them.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rule_book(&self, about: Option<&[i32]>) -> Result<RuleBook, StoreError> {
        let mut client = self.client("rule_book").await?;
        let transaction = Transaction::begin(self, &mut client);
        read_book(&transaction, about).await
    }

    /// The number that the next new rule gets.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn next_rule(&self) -> Result<i32, StoreError> {
        let rows = self.rows(Query::RuleNumber, &[]).await?;
        let row = rows.first().expect("a SELECT without FROM gives one row");
        Reader::new(row, "ext_file_config").get("rule")
    }

    /// Writes a change in one transaction and shows `judge` all active rules as they are with it, which says whether it
    /// stays. Whoever changes rules takes turns; files go on being matched with the rules as they were until it is done.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn change_rules(
        &self,
        change: &RuleChange,
        catalog: &[SheetColumn],
        operator: &Operator,
        judge: impl FnOnce(&[RuleRow]) -> Verdict,
    ) -> Result<Changed, StoreError> {
        let mut client = self.client(Query::RuleLock.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        transaction.execute(Query::RuleLock, &[]).await?;
        let now = read_book(&transaction, change.about.as_deref()).await?;
        if !change.is_of(&now) {
            return Ok(Changed::Meanwhile);
        }
        let signed: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&text(&operator.name), &text(&operator.reason)];
        transaction.rows(Query::RuleSign, &signed).await?;
        for (sheet, rows) in &change.rows {
            write(&transaction, *sheet, rows, catalog).await?;
        }
        let all = None::<&[i32]>;
        let rows = transaction.rows(Query::RuleList, &[&all]).await?;
        let rows: Vec<RuleRow> = rows.iter().map(rule_row).collect::<Result<_, _>>()?;
        match judge(&rows) {
            Verdict::Undo => Ok(Changed::Undone),
            Verdict::Keep => {
                transaction.commit().await?;
                Ok(Changed::Kept)
            }
        }
    }

    /// How many loads wait for a rule to be resumed.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn waiting_for_rule(&self, rule: RuleId) -> Result<u64, StoreError> {
        let waits_for = waits_for(rule);
        let rows = self.rows(Query::RuleCountWaiting, &[&waits_for]).await?;
        let row = rows.first().expect("count gives one row");
        Reader::new(row, "ext_file_load").count("waiting")
    }
}

/// What a load that waits for a rule has in `waits_for`; the trigger that wakes it says the same.
pub(crate) fn waits_for(rule: RuleId) -> String {
    format!("rule {rule}")
}

async fn read_book(transaction: &Transaction<'_>, about: Option<&[i32]>) -> Result<RuleBook, StoreError> {
    let interfaces = transaction.rows(Query::InterfaceList, &[]).await?;
    let targets = transaction.rows(Query::TargetList, &[]).await?;
    let rules = transaction.rows(Query::RuleExport, &[&about]).await?;
    let fields = |row: &Row, sheet: Sheet| Reader::new(row, sheet.table()).json::<Record>("fields");
    let rule = |row: &Row| {
        Ok(RuleRecord {
            fields: fields(row, Sheet::Rule)?,
            columns: Reader::new(row, Sheet::Rule.table()).json("columns")?,
        })
    };
    let all = |rows: &[Row], sheet| {
        rows.iter()
            .map(|row| fields(row, sheet))
            .collect::<Result<_, _>>()
    };
    Ok(RuleBook {
        interfaces: all(&interfaces, Sheet::Interface)?,
        targets: all(&targets, Sheet::Target)?,
        rules: rules.iter().map(rule).collect::<Result<_, StoreError>>()?,
    })
}

async fn write(
    transaction: &Transaction<'_>,
    sheet: Sheet,
    rows: &[Record],
    catalog: &[SheetColumn],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = match sheet {
        Sheet::Column => numbered(transaction, rows).await?,
        Sheet::Interface | Sheet::Target | Sheet::Rule => rows.to_vec(),
    };
    let written = catalog
        .iter()
        .filter(|column| column.sheet == sheet && column.preset != Preset::Computed);
    let names: Vec<&str> = written.map(|column| column.name.as_str()).collect();
    transaction.rows(sheet.write(), &[&names, &json(&rows)]).await?;
    Ok(())
}

/// New columns get the next free numbers: the table is locked, so nobody else takes them.
async fn numbered(transaction: &Transaction<'_>, rows: &[Record]) -> Result<Vec<Record>, StoreError> {
    let free = transaction.rows(Query::RuleNumber, &[]).await?;
    let row = free.first().expect("a SELECT without FROM gives one row");
    let mut next: i32 = Reader::new(row, Sheet::Column.table()).get("detail")?;
    let mut numbered = rows.to_vec();
    for row in &mut numbered {
        row.entry(Sheet::Column.key().to_owned()).or_insert_with(|| {
            let number = next.to_string();
            next = next.saturating_add(1);
            number
        });
    }
    Ok(numbered)
}

fn read_column(row: &Row) -> Result<SheetColumn, StoreError> {
    let reader = Reader::new(row, "pg_attribute");
    let table: &str = reader.get("sheet")?;
    let sheet = Sheet::ALL
        .into_iter()
        .find(|sheet| sheet.table() == table)
        .ok_or_else(|| reader.corrupt("relname", format!("{table} is no table of rules")))?;
    let kind = match reader.get::<&str>("category")? {
        "S" => FieldKind::Text,
        "N" => FieldKind::Number,
        "B" => FieldKind::Flag,
        _ => FieldKind::Other,
    };
    Ok(SheetColumn {
        sheet,
        name: reader.get("name")?,
        kind,
        required: reader.get("required")?,
        preset: preset(reader.get("preset")?),
        description: reader.get("description")?,
    })
}

/// A default as the catalogue writes it: `'A'::text`, `0`, `true`, `NULL::text`; anything else is an expression.
fn preset(expression: Option<&str>) -> Preset {
    let Some(expression) = expression else {
        return Preset::Empty;
    };
    let literal = expression
        .split_once("::")
        .map_or(expression, |(literal, _)| literal);
    let quoted = literal
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    match quoted {
        Some(quoted) => Preset::Text(quoted.replace("''", "'")),
        None if literal.eq_ignore_ascii_case("null") => Preset::Empty,
        None if matches!(literal, "true" | "false") || literal.parse::<f64>().is_ok() => {
            Preset::Text(literal.to_owned())
        }
        None => Preset::Computed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_a_text_or_left_to_the_database() {
        let text = |text: &str| Preset::Text(text.to_owned());
        assert_eq!(preset(None), Preset::Empty);
        assert_eq!(preset(Some("'A'::text")), text("A"));
        assert_eq!(preset(Some("'it''s'::character varying")), text("it's"));
        assert_eq!(preset(Some("false")), text("false"));
        assert_eq!(preset(Some("100")), text("100"));
        assert_eq!(preset(Some("NULL::text")), Preset::Empty);
        assert_eq!(preset(Some("CURRENT_TIMESTAMP")), Preset::Computed);
        assert_eq!(preset(Some("nextval('s'::regclass)")), Preset::Computed);
    }
}
