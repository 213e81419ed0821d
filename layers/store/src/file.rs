//! What the ledger knows of one key, and letting it forget.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Bucket, ObjectKey};

use crate::content::lock_content;
use crate::load::Load;
use crate::operation::{OperationKind, Operator, insert_operation};
use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::transaction::Transaction;
use crate::{LIST_LIMIT, Store, StoreError};

/// Whether loads were forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgotten {
    /// These; none when none of them had rows that count.
    Loads(Vec<LoadId>),
    /// Nothing was: this load of the same content is under way.
    Busy(LoadId),
}

impl Store {
    /// The loads of whole files under a key, the newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn loads_of_key(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Vec<Load>, StoreError> {
        let limit = bounded(LIST_LIMIT);
        let rows = self
            .rows(Query::LoadListOfKey, &[&bucket.as_str(), &key.as_str(), &limit])
            .await?;
        let mut loads = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = LoadId::from_uuid(Reader::new(row, "ext_file_load").get("load_id")?);
            loads.extend(self.load(id).await?);
        }
        Ok(loads)
    }

    /// Lets the rows of a load, and of all others of its content, count no more when its file is sent again. Each is on record
    /// with who and why. Nothing is forgotten while one of them is under way: what becomes of it is not known.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn forget(
        &self,
        load: LoadId,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<Forgotten, StoreError> {
        let mut client = self.client(Query::LoadForget.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let others = lock_content(&transaction, load).await?;
        if let Some(other) = others.iter().find(|other| other.is_under_way) {
            return Ok(Forgotten::Busy(other.load));
        }
        let with_rows = others
            .iter()
            .filter(|other| other.has_rows)
            .map(|other| other.load);
        let mut forgotten = Vec::new();
        for load in std::iter::once(load).chain(with_rows) {
            let changed = transaction
                .execute(Query::LoadForget, &[&load.as_uuid(), &now])
                .await?;
            if changed > 0 {
                insert_operation(&transaction, load, OperationKind::Forget, operator, None, now).await?;
                forgotten.push(load);
            }
        }
        transaction.commit().await?;
        Ok(Forgotten::Loads(forgotten))
    }
}
