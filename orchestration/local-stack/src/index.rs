//! The durable index: one redb file that holds every record of the stack.
//!
//! One file on purpose: an object and the notification that announces it, a message and its copies in the queues, are
//! committed together or not at all. A commit is on the disk before [`Index::write`] returns.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use redb::{
    Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the index did not read or write.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file could not be read or written.
    #[error("cannot read or write the index")]
    Storage(#[source] Box<redb::Error>),
    /// A record is not what this version of the stack writes.
    #[error("a record in table {table} cannot be read")]
    Record {
        /// The table that holds the record.
        table: String,
        /// Where the record is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The program is shutting down and the write did not run.
    #[error("the write was abandoned because the program is stopping")]
    Stopped,
}

impl<E: Into<redb::Error>> From<E> for IndexError {
    fn from(source: E) -> Self {
        Self::Storage(Box::new(source.into()))
    }
}

/// A table of records of one kind, kept as JSON so that a person can read the file with any redb tool.
pub(crate) struct Records<K: Key + 'static, V> {
    definition: TableDefinition<'static, K, &'static [u8]>,
    value: PhantomData<fn() -> V>,
}

impl<K: Key + 'static, V> Records<K, V> {
    /// Names a table. Two tables with one name and different kinds would be refused when opened.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            definition: TableDefinition::new(name),
            value: PhantomData,
        }
    }
}

const COUNTERS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("counters");

/// The open index file.
pub(crate) struct Index {
    database: Database,
}

impl Index {
    /// Opens the index file, creating it when it is not there.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, redb::DatabaseError> {
        Ok(Arc::new(Self {
            database: Database::create(path)?,
        }))
    }

    /// Reads a consistent picture: what commits meanwhile is not seen.
    pub(crate) fn read(&self) -> Result<Reader, IndexError> {
        Ok(Reader {
            transaction: self.database.begin_read()?,
        })
    }

    /// Runs `change` in the one write transaction there is at a time and commits it when it succeeds.
    /// An error of `change` leaves no trace.
    pub(crate) async fn write<T, E>(
        self: &Arc<Self>,
        change: impl FnOnce(&Writer) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<IndexError> + Send + 'static,
    {
        let index = Arc::clone(self);
        match tokio::task::spawn_blocking(move || index.write_now(change)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(IndexError::Stopped.into()),
        }
    }

    fn write_now<T, E: From<IndexError>>(
        &self,
        change: impl FnOnce(&Writer) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.database.begin_write().map_err(IndexError::from)?;
        let writer = Writer {
            transaction,
            after_commit: RefCell::default(),
        };
        let outcome = change(&writer)?;
        writer.transaction.commit().map_err(IndexError::from)?;
        for consequence in writer.after_commit.into_inner() {
            consequence();
        }
        Ok(outcome)
    }
}

/// Reading, which looks alike in a read transaction and inside a write.
pub(crate) trait Read {
    /// The record under a key.
    fn get<K: Key + 'static, V: DeserializeOwned>(
        &self,
        records: &Records<K, V>,
        key: K::SelfType<'_>,
    ) -> Result<Option<V>, IndexError>;

    /// Shows the records from `from` on, in the order of their keys, until `visit` breaks or there are no more.
    fn scan<K: Key + 'static, V: DeserializeOwned>(
        &self,
        records: &Records<K, V>,
        from: K::SelfType<'_>,
        visit: impl FnMut(K::SelfType<'_>, V) -> ControlFlow<()>,
    ) -> Result<(), IndexError>;
}

/// A consistent picture of the index.
pub(crate) struct Reader {
    transaction: ReadTransaction,
}

impl Read for Reader {
    fn get<K: Key + 'static, V: DeserializeOwned>(
        &self,
        records: &Records<K, V>,
        key: K::SelfType<'_>,
    ) -> Result<Option<V>, IndexError> {
        match self.transaction.open_table(records.definition) {
            Ok(table) => get_from(&table, records, key),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    fn scan<K: Key + 'static, V: DeserializeOwned>(
        &self,
        records: &Records<K, V>,
        from: K::SelfType<'_>,
        visit: impl FnMut(K::SelfType<'_>, V) -> ControlFlow<()>,
    ) -> Result<(), IndexError> {
        match self.transaction.open_table(records.definition) {
            Ok(table) => scan_from(&table, records, from, visit),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}

/// The write transaction.
pub(crate) struct Writer {
    transaction: WriteTransaction,
    after_commit: RefCell<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Writer {
    /// Runs `consequence` once the change is on the disk, and drops it unrun when the change fails. It runs even if
    /// the client that asked for the change has hung up: a waiter is woken and a blob is kept or removed in any case.
    pub(crate) fn after_commit(&self, consequence: impl FnOnce() + Send + 'static) {
        self.after_commit.borrow_mut().push(Box::new(consequence));
    }

    /// Stores a record, replacing the one under the same key.
    pub(crate) fn put<K: Key + 'static, V: Serialize>(
        &self,
        records: &Records<K, V>,
        key: K::SelfType<'_>,
        value: &V,
    ) -> Result<(), IndexError> {
        let bytes = serde_json::to_vec(value).map_err(|source| unreadable(records, source))?;
        self.transaction
            .open_table(records.definition)?
            .insert(key, bytes.as_slice())?;
        Ok(())
    }

    /// Removes a record; one that is not there is no error.
    pub(crate) fn remove<K: Key + 'static, V>(
        &self,
        records: &Records<K, V>,
        key: K::SelfType<'_>,
    ) -> Result<(), IndexError> {
        self.transaction.open_table(records.definition)?.remove(key)?;
        Ok(())
    }

    /// The next number of the counter that orders everything in the stack: it only grows, also over restarts.
    pub(crate) fn next_sequence(&self) -> Result<u64, IndexError> {
        let mut counters = self.transaction.open_table(COUNTERS)?;
        let next = counters.get("sequence")?.map_or(1, |last| last.value() + 1);
        counters.insert("sequence", next)?;
        Ok(next)
    }
}

impl Read for Writer {
    fn get<K: Key + 'static, V: DeserializeOwned>(
        &self,
        records: &Records<K, V>,
        key: K::SelfType<'_>,
    ) -> Result<Option<V>, IndexError> {
        get_from(&self.transaction.open_table(records.definition)?, records, key)
    }

    fn scan<K: Key + 'static, V: DeserializeOwned>(
        &self,
        records: &Records<K, V>,
        from: K::SelfType<'_>,
        visit: impl FnMut(K::SelfType<'_>, V) -> ControlFlow<()>,
    ) -> Result<(), IndexError> {
        scan_from(
            &self.transaction.open_table(records.definition)?,
            records,
            from,
            visit,
        )
    }
}

fn get_from<K: Key + 'static, V: DeserializeOwned>(
    table: &impl ReadableTable<K, &'static [u8]>,
    records: &Records<K, V>,
    key: K::SelfType<'_>,
) -> Result<Option<V>, IndexError> {
    let Some(found) = table.get(key)? else {
        return Ok(None);
    };
    decode(records, found.value()).map(Some)
}

fn scan_from<K: Key + 'static, V: DeserializeOwned>(
    table: &impl ReadableTable<K, &'static [u8]>,
    records: &Records<K, V>,
    from: K::SelfType<'_>,
    mut visit: impl FnMut(K::SelfType<'_>, V) -> ControlFlow<()>,
) -> Result<(), IndexError> {
    for entry in table.range(from..)? {
        let (key, value) = entry?;
        if visit(key.value(), decode(records, value.value())?).is_break() {
            break;
        }
    }
    Ok(())
}

fn decode<K: Key + 'static, V: DeserializeOwned>(
    records: &Records<K, V>,
    bytes: &[u8],
) -> Result<V, IndexError> {
    serde_json::from_slice(bytes).map_err(|source| unreadable(records, source))
}

fn unreadable<K: Key + 'static, V>(records: &Records<K, V>, source: serde_json::Error) -> IndexError {
    use redb::TableHandle;
    IndexError::Record {
        table: records.definition.name().to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Records<&'static str, u32> = Records::new("numbers");

    #[tokio::test]
    async fn a_failed_change_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.redb")).unwrap();
        let failed: Result<(), IndexError> = index
            .write(|writer| {
                writer.put(&NUMBERS, "one", &1)?;
                Err(IndexError::Stopped)
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(index.read().unwrap().get(&NUMBERS, "one").unwrap(), None);
    }

    #[tokio::test]
    async fn the_sequence_grows_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.redb");
        let index = Index::open(&path).unwrap();
        let first = index.write(|writer| writer.next_sequence()).await.unwrap();
        drop(index);
        let again = Index::open(&path).unwrap();
        let second = again.write(|writer| writer.next_sequence()).await.unwrap();
        assert!(second > first);
    }
}
