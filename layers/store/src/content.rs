//! Loads of one content: the same bytes under the same key, sent again. One of them is under way at a time.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::RuleId;
use longshore_domain::target::{TableName, Warehouse};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;

use crate::load::{Load, read_table};
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
    /// Whether it went to several warehouses, each by a load of its own.
    pub is_delivered: bool,
    /// Where they went.
    pub destination: Destination,
}

/// Where the rows of a load go, or went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// The rule that says so.
    pub rule: Option<RuleId>,
    /// The table; none of a file that is cut.
    pub table: Option<TableName>,
    /// The warehouse, as far as a plan says it.
    pub warehouse: Option<Warehouse>,
}

impl Destination {
    /// Whether one content that goes to both places comes twice: into the same table, or by the same rule, whose table may have
    /// been renamed. A warehouse that is not known may be any.
    pub fn is_that_of(&self, other: &Self) -> bool {
        let is_of_one_rule = self.rule.is_some() && self.rule == other.rule;
        is_of_one_rule || self.is_table_of(other)
    }

    /// Whether both are the same table.
    pub fn is_table_of(&self, other: &Self) -> bool {
        let is_apart = |(one, other): (&Warehouse, &Warehouse)| !one.has_tables_of(other);
        let are_apart = self
            .warehouse
            .as_ref()
            .zip(other.warehouse.as_ref())
            .is_some_and(is_apart);
        let is_of_one_name = |(one, other): (&TableName, &TableName)| {
            is_name(&one.schema, &other.schema) && is_name(&one.table, &other.table)
        };
        self.table
            .as_ref()
            .zip(other.table.as_ref())
            .is_some_and(is_of_one_name)
            && !are_apart
    }
}

/// The warehouse knows names without their case, quoted or not.
fn is_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
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
    /// Where its rows went.
    pub destination: Destination,
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

    /// Where the rows of a load went, or would go if its plan says so already.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn destination(&self, load: &Load) -> Result<Destination, StoreError> {
        let carrier = match load.batch.filter(|_| load.plan.is_none()) {
            Some(batch) => self.load(batch).await?,
            None => None,
        };
        let plan = load
            .plan
            .as_ref()
            .or(carrier.as_ref().and_then(|carrier| carrier.plan.as_ref()));
        Ok(Destination {
            rule: load.rule,
            table: load.table.clone(),
            warehouse: plan.and_then(|plan| warehouse_in(plan.get("warehouse"))),
        })
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
        is_delivered: reader.get("is_delivered")?,
        destination: read_destination(&reader)?,
    })
}

fn read_destination(reader: &Reader<'_>) -> Result<Destination, StoreError> {
    let rule: Option<i32> = reader.get("ext_file_config_sid")?;
    let warehouse: Option<Value> = reader.get("warehouse")?;
    Ok(Destination {
        rule: rule.map(RuleId),
        table: read_table(reader)?,
        warehouse: warehouse_in(warehouse.as_ref()),
    })
}

/// The warehouse of a plan. One of another version that does not read says nothing.
fn warehouse_in(value: Option<&Value>) -> Option<Warehouse> {
    serde_json::from_value(value?.clone()).ok()
}

fn read_replaceable(row: &Row) -> Result<Replaceable, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(Replaceable {
        load: LoadId::from_uuid(reader.get("load_id")?),
        destination: read_destination(&reader)?,
        target: reader.get("target_name")?,
        plan: reader.optional_json("plan")?,
    })
}
