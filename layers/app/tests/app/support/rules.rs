//! Rules, written as an operator writes them.

use tokio_postgres::Client;

/// The feed that every rule here belongs to.
const INTERFACE: &str = "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name)
    VALUES (700, 'PRICES') ON CONFLICT DO NOTHING";

/// A rule of pipe-delimited text with the columns `item` and `amount`, but for what `with` sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) id: i32,
    pub(crate) token: &'static str,
    pub(crate) table: Option<&'static str>,
    /// Further columns of the row, as `SET` takes them.
    pub(crate) with: &'static str,
}

impl Rule {
    pub(crate) const fn new(id: i32, token: &'static str, table: &'static str) -> Self {
        Self {
            id,
            token,
            table: Some(table),
            with: "",
        }
    }

    pub(crate) const fn with(self, with: &'static str) -> Self {
        Self { with, ..self }
    }

    /// The rule of a file that is cut by record type.
    pub(crate) const fn splitting(id: i32, token: &'static str, with: &'static str) -> Self {
        Self {
            id,
            token,
            table: None,
            with,
        }
    }

    /// Puts the rule into the tables.
    pub(crate) async fn insert(&self, client: &Client) {
        client.execute(INTERFACE, &[]).await.unwrap();
        let prefix = format!("{}.", self.token);
        let schema = self.table.map(|_| "s");
        client
            .execute(
                "INSERT INTO rdscnfg.ext_file_config
                     (ext_file_config_sid, ext_interface_cid, tgt_schema_name, tgt_table_name, file_prefix, file_format,
                      file_type, delimiter, header_flag, trailer_flag, split_file_flag)
                 VALUES ($1, 700, $2, $3, $4, 'txt', 'txt', '|', 'N', 'N', 'N')",
                &[&self.id, &schema, &self.table, &prefix],
            )
            .await
            .unwrap();
        if !self.with.is_empty() {
            let sql = format!(
                "UPDATE rdscnfg.ext_file_config SET {} WHERE ext_file_config_sid = $1",
                self.with
            );
            client.execute(&sql, &[&self.id]).await.unwrap();
        }
        if self.table.is_some() {
            self.insert_columns(client).await;
        }
    }

    async fn insert_columns(&self, client: &Client) {
        for (place, name) in ["item", "amount"].into_iter().enumerate() {
            let place = i32::try_from(place).unwrap();
            client
                .execute(
                    "INSERT INTO rdscnfg.ext_file_config_dtl
                         (ext_file_config_dtl_sid, ext_file_config_sid, column_name, column_order_sqnc)
                     VALUES ($1, $2, $3, $4::integer)",
                    &[&(self.id * 10 + place), &self.id, &name, &place],
                )
                .await
                .unwrap();
        }
    }
}
