//! Marker tables that are known to exist, so that not every load asks the warehouse.

use chrono::{DateTime, Utc};
use longshore_domain::target::TableName;

use crate::queries::Query;
use crate::read::Reader;
use crate::store::Parameters;
use crate::{Store, StoreError};

impl Store {
    /// Whether a marker table is known to exist in a warehouse. A wrong yes (somebody dropped it) shows when the load
    /// transaction fails at its first step.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn marker_known(&self, warehouse: &str, table: &TableName) -> Result<bool, StoreError> {
        let parameters: Parameters<'_> = &[&warehouse, &table.schema, &table.table];
        let rows = self.rows(Query::MarkerTableFind, parameters).await?;
        let row = rows.first().expect("SELECT EXISTS returns a row");
        Reader::new(row, "ext_marker_table").get("is_known")
    }

    /// Forgets a marker table, whose target is there no more.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn forget_marker(&self, warehouse: &str, table: &TableName) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[&warehouse, &table.schema, &table.table];
        self.execute(Query::MarkerTableDelete, parameters).await?;
        Ok(())
    }

    /// Remembers that a marker table exists.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn remember_marker(
        &self,
        warehouse: &str,
        table: &TableName,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[&warehouse, &table.schema, &table.table, &now];
        self.execute(Query::MarkerTableInsert, parameters).await?;
        Ok(())
    }
}
