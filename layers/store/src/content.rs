//! Loads of one content: the same bytes under the same key, sent again. One of them is under way at a time.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::ObjectKey;
use longshore_domain::target::TableName;
use serde::Serialize;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::{LIST_LIMIT, Store, StoreError};

const TABLE: &str = "ext_file_load";

/// Another load of the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SameContent {
    /// Its id.
    pub load: LoadId,
    /// Where it stands.
    pub state: LoadState,
    /// When it was announced.
    pub received_at: DateTime<Utc>,
    /// Where its file was put away.
    pub archived_key: Option<ObjectKey>,
    /// Whether it, or a part of it, began and is not done.
    pub is_under_way: bool,
    /// Whether its transaction, or that of a part, committed.
    pub has_rows: bool,
}

/// Whether a load may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may: no other load of its content is under way, and none begins before it is done.
    Admitted {
        /// The others, the newest first.
        others: Vec<SameContent>,
    },
    /// It may not yet.
    Waits {
        /// For this one.
        until_done: LoadId,
    },
}

/// A load whose rows another one of the same content can take the place of.
#[derive(Debug, Clone, PartialEq)]
pub struct Replaceable {
    /// Its id.
    pub load: LoadId,
    /// The table that its rows went into.
    pub table: Option<TableName>,
    /// The target that they were for, of several.
    pub target: Option<String>,
    /// What was submitted for it.
    pub plan: Option<serde_json::Value>,
}

impl Store {
    /// Lets a load begin, unless another one of its content is under way. Asked again it gives the same answer, until
    /// the load is done.
    ///
    /// Two that ask at once are asked one after the other, so that one of them waits.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn admit(&self, load: LoadId, now: DateTime<Utc>) -> Result<Admission, StoreError> {
        let id = load.as_uuid();
        let mut client = self.client(Query::LoadAdmit.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let others = lock_content(&transaction, load).await?;
        if let Some(other) = others.iter().find(|other| other.is_under_way) {
            return Ok(Admission::Waits {
                until_done: other.load,
            });
        }
        let admitted: Parameters<'_> = &[&id, &now];
        transaction.commit_with([(Query::LoadAdmit, admitted)]).await?;
        Ok(Admission::Admitted { others })
    }

    /// The other loads of a load's content, the newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn same_content(&self, load: LoadId) -> Result<Vec<SameContent>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::LoadListSameContent, parameters).await?;
        rows.iter().map(read_other).collect()
    }

    /// The loads whose rows this load takes the place of when it reloads its content.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn replaceable(&self, load: LoadId) -> Result<Vec<Replaceable>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::LoadListReplaceable, parameters).await?;
        rows.iter().map(read_replaceable).collect()
    }
}

/// Takes the content's lock and looks at the other loads of it.
pub(crate) async fn lock_content(
    transaction: &Transaction<'_>,
    load: LoadId,
) -> Result<Vec<SameContent>, StoreError> {
    let id = load.as_uuid();
    let lock: Parameters<'_> = &[&id];
    let listed: Parameters<'_> = &[&id, &bounded(LIST_LIMIT)];
    let [_, others] = transaction
        .together([
            (Query::LoadLockContent, lock),
            (Query::LoadListSameContent, listed),
        ])
        .await?;
    others.rows.iter().map(read_other).collect()
}

fn read_other(row: &Row) -> Result<SameContent, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(SameContent {
        load: LoadId::from_uuid(reader.get("load_id")?),
        state: reader.word("state", LoadState::parse)?,
        received_at: reader.get("received_at")?,
        archived_key: reader.get::<Option<String>>("archived_key")?.map(ObjectKey::new),
        is_under_way: reader.get("is_under_way")?,
        has_rows: reader.get("has_rows")?,
    })
}

fn read_replaceable(row: &Row) -> Result<Replaceable, StoreError> {
    let reader = Reader::new(row, TABLE);
    let schema = reader.get::<Option<String>>("tgt_schema_name")?;
    let table = reader.get::<Option<String>>("tgt_table_name")?;
    Ok(Replaceable {
        load: LoadId::from_uuid(reader.get("load_id")?),
        table: schema
            .zip(table)
            .map(|(schema, table)| TableName::new(schema, table)),
        target: reader.get("target_name")?,
        plan: reader.optional_json("plan")?,
    })
}
