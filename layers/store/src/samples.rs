//! Rules of the sample feeds, as an operator would insert them.

use crate::queries::in_schema;
use crate::transaction::Transaction;
use crate::{Store, StoreError};

const SAMPLES: &[(&str, &str)] = &[
    (
        "pharmacy_price.sql",
        include_str!("../../../sql/config-db/samples/pharmacy_price.sql"),
    ),
    (
        "shipment.sql",
        include_str!("../../../sql/config-db/samples/shipment.sql"),
    ),
    (
        "product.sql",
        include_str!("../../../sql/config-db/samples/product.sql"),
    ),
];

/// The sample rules: file name and SQL, for schema `rdscnfg`.
pub fn sample_sql() -> &'static [(&'static str, &'static str)] {
    SAMPLES
}

impl Store {
    /// Inserts the rules of the sample feeds, all or none; those that are there stay as they are.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn apply_samples(&self) -> Result<(), StoreError> {
        let mut client = self.client("apply samples").await?;
        let transaction = Transaction::begin(self, &mut client);
        for (_, sql) in SAMPLES {
            transaction
                .batch("apply samples", &in_schema(sql, self.schema()))
                .await?;
        }
        transaction.commit().await
    }
}
