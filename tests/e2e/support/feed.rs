//! Feeds: an interface, a rule and a table of its own, said in as few words as a test needs.

use std::collections::BTreeMap;

use anyhow::Context;
use futures_util::future::try_join_all;

use super::{Rows, Story, World, unique};

/// A rule in the making. What is not said is plain: pipe-delimited text without header or trailer, into a table that has
/// the rule's columns, `file_name` and `target_transaction_timestamp`.
#[derive(Debug, Clone)]
pub(crate) struct RuleBuilder<'a> {
    world: &'a World,
    interface: Option<u32>,
    values: BTreeMap<&'static str, Option<String>>,
    columns: Vec<String>,
    widths: Vec<u32>,
    table: Option<String>,
    makes_table: bool,
}

/// A rule that is in the control database, with its table.
#[derive(Debug, Clone)]
pub(crate) struct Feed<'a> {
    world: &'a World,
    /// `ext_interface_cid`.
    pub(crate) interface: u32,
    /// `ext_file_config_sid`.
    pub(crate) rule: u32,
    /// What the names of its files end in.
    pub(crate) token: String,
    /// `schema.table`.
    pub(crate) table: String,
    extension: String,
}

impl World {
    /// A feed of its own.
    pub(crate) fn feed(&self) -> RuleBuilder<'_> {
        RuleBuilder::new(self)
    }
}

impl<'a> RuleBuilder<'a> {
    fn new(world: &'a World) -> Self {
        let values = [
            ("file_format", "txt"),
            ("file_type", "txt"),
            ("delimiter", "|"),
            ("header_flag", "N"),
            ("trailer_flag", "N"),
            ("split_file_flag", "N"),
        ];
        Self {
            world,
            interface: None,
            values: values
                .map(|(column, value)| (column, Some(value.to_owned())))
                .into(),
            columns: vec!["id integer".to_owned(), "name varchar(40)".to_owned()],
            widths: vec![],
            table: None,
            makes_table: true,
        }
    }

    /// The columns in their order, as DDL: `id integer`.
    pub(crate) fn columns<const COUNT: usize>(mut self, columns: [&str; COUNT]) -> Self {
        self.columns = columns.map(str::to_owned).to_vec();
        self
    }

    /// The columns' widths, for fixed width.
    pub(crate) fn widths<const COUNT: usize>(mut self, widths: [u32; COUNT]) -> Self {
        self.widths = widths.to_vec();
        self
    }

    /// A column of `ext_file_config`.
    pub(crate) fn set(mut self, column: &'static str, value: &str) -> Self {
        self.values.insert(column, Some(value.to_owned()));
        self
    }

    /// Leaves a column of `ext_file_config` NULL.
    pub(crate) fn clear(mut self, column: &'static str) -> Self {
        self.values.insert(column, None);
        self
    }

    /// A trailer that holds the count at `start:end`.
    pub(crate) fn trailer(self, position: &str) -> Self {
        self.set("trailer_flag", "Y").set("trailer_pstn", position)
    }

    /// A header and what it must say.
    pub(crate) fn header(self, policy: &str) -> Self {
        self.set("header_flag", "Y").set("header_policy", policy)
    }

    /// Cut by record type; the rule itself has no table.
    pub(crate) fn split(mut self, prefixes: &str) -> Self {
        self.makes_table = false;
        self.columns.clear();
        self.set("split_file_flag", "Y")
            .set("split_prefix", prefixes)
            .clear("tgt_schema_name")
            .clear("tgt_table_name")
    }

    /// Loads into a table of that name, which is there or is made by the test.
    pub(crate) fn into_table(mut self, schema: &str, table: &str) -> Self {
        self.table = Some(format!("{schema}.{table}"));
        self.makes_table = false;
        self.set("tgt_schema_name", schema).set("tgt_table_name", table)
    }

    /// Writes the interface, the rule and its columns into the control database, and makes the table.
    pub(crate) async fn create(mut self) -> anyhow::Result<Feed<'a>> {
        let rule = unique();
        let interface = self.interface.unwrap_or(rule);
        let token = self
            .values
            .entry("file_prefix")
            .or_insert_with(|| Some(format!("{interface}.")))
            .clone()
            .unwrap_or_default();
        let table_name = format!("t{rule}");
        if self.makes_table {
            self = self.set("tgt_schema_name", "rdsftetl");
            self.values.insert("tgt_table_name", Some(table_name.clone()));
            self.make_table(&table_name).await?;
        }
        let sql = [
            self.interface_sql(interface),
            self.rule_sql(interface, rule),
            self.columns_sql(rule),
        ]
        .concat();
        self.world
            .control
            .batch_execute(&sql)
            .await
            .with_context(|| format!("insert rule {rule}:\n{sql}"))?;
        Ok(Feed {
            world: self.world,
            interface,
            rule,
            token: token.trim_end_matches('.').to_owned(),
            table: self.table.unwrap_or_else(|| format!("rdsftetl.{table_name}")),
            extension: self.values.remove("file_type").flatten().unwrap_or_default(),
        })
    }

    async fn make_table(&self, name: &str) -> anyhow::Result<()> {
        let mut columns = self.columns.join(", ");
        if let Some(Some(column)) = self.values.get("load_id_column") {
            columns.push_str(&format!(", {column} varchar(36)"));
        }
        let sql = format!(
            "CREATE TABLE rdsftetl.{name} ({columns}, file_name varchar(300), \
             target_transaction_timestamp timestamp DEFAULT GETDATE())"
        );
        self.world.query(&sql).await.map(|_| ())
    }

    fn interface_sql(&self, interface: u32) -> String {
        if self.interface.is_some() {
            return String::new();
        }
        format!(
            "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name, interface_desc) \
             VALUES ({interface}, 'FEED_{interface}', 'a test''s own feed');\n"
        )
    }

    fn rule_sql(&self, interface: u32, rule: u32) -> String {
        let said = self
            .values
            .iter()
            .filter_map(|(column, value)| Some((*column, literal(value.as_ref()?))));
        let (columns, values): (Vec<_>, Vec<_>) = said.unzip();
        format!(
            "INSERT INTO rdscnfg.ext_file_config (ext_file_config_sid, ext_interface_cid, {}) \
             VALUES ({rule}, {interface}, {});\n",
            columns.join(", "),
            values.join(", ")
        )
    }

    fn columns_sql(&self, rule: u32) -> String {
        let row = |(index, column): (usize, &String)| {
            let name = column.split_whitespace().next().unwrap_or_default();
            let width = self
                .widths
                .get(index)
                .map_or_else(|| "NULL".to_owned(), u32::to_string);
            format!(
                "INSERT INTO rdscnfg.ext_file_config_dtl (ext_file_config_dtl_sid, ext_file_config_sid, column_name, \
                 column_width_fixed, column_order_sqnc) VALUES ({}, {rule}, {}, {width}, {});\n",
                unique(),
                literal(name.trim_matches('"')),
                index + 1
            )
        };
        self.columns.iter().enumerate().map(row).collect()
    }
}

impl<'a> Feed<'a> {
    /// Another rule of the same feed and token.
    pub(crate) fn another_rule(&self) -> RuleBuilder<'a> {
        let mut builder = RuleBuilder::new(self.world);
        builder.interface = Some(self.interface);
        builder
    }

    /// The rule of a record type.
    pub(crate) fn part(&self, record_type: &str) -> RuleBuilder<'a> {
        let mut builder = self.another_rule();
        builder
            .values
            .insert("file_prefix", Some(format!("{}-{record_type}.", self.token)));
        builder
    }

    /// A name for a file of this feed that no other file has.
    pub(crate) fn file_name(&self) -> String {
        format!("FILE_{}_{}.{}", unique(), self.token, self.extension)
    }

    /// Lands a file and waits until everything about it is done and told.
    pub(crate) async fn land(&self, bytes: impl Into<Vec<u8>>) -> anyhow::Result<Story> {
        self.world.land(&self.file_name(), bytes).await
    }

    /// Lands several files at once.
    pub(crate) async fn land_side_by_side(&self, files: Vec<String>) -> anyhow::Result<Vec<Story>> {
        try_join_all(files.into_iter().map(|bytes| self.land(bytes))).await
    }

    /// Rows of its table, sorted.
    pub(crate) async fn rows(&self, columns: &str) -> anyhow::Result<Rows> {
        let mut rows = self
            .world
            .query(&format!("SELECT {columns} FROM {}", self.table))
            .await?;
        rows.sort();
        Ok(rows)
    }

    /// Rows of its table as lines of texts with `|` between them, sorted; NULL is `~`.
    pub(crate) async fn lines(&self, columns: &str) -> anyhow::Result<Vec<String>> {
        let rows = self.rows(columns).await?;
        let line = |row: Vec<Option<String>>| {
            let texts: Vec<_> = row
                .into_iter()
                .map(|value| value.unwrap_or_else(|| "~".to_owned()))
                .collect();
            texts.join("|")
        };
        Ok(rows.into_iter().map(line).collect())
    }
}

/// A text as SQL writes it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
