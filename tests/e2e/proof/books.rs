//! Everything that is on record at one moment: the ledger, the messages, the objects, the rows.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::support::World;

use super::Feeds;

/// A load as the ledger has it, with its audit rows and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    /// The record type that it is of, or the warehouse that it is for.
    pub(crate) part: Option<String>,
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) state: String,
    pub(crate) archived_key: Option<String>,
    pub(crate) is_finished: bool,
    pub(crate) audit: Vec<String>,
    pub(crate) told: Vec<String>,
    pub(crate) unsent: u64,
}

impl Entry {
    /// Nothing is left to do, and everybody was told.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_finished && self.unsent == 0
    }

    fn of(row: &Value) -> Self {
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        let texts = |field: &str| {
            let values = row[field].as_array().into_iter().flatten();
            values
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect()
        };
        Self {
            id: text("id").unwrap_or_default(),
            parent: text("parent"),
            part: text("part"),
            key: text("key").unwrap_or_default(),
            etag: unquoted(&text("etag").unwrap_or_default()),
            state: text("state").unwrap_or_default(),
            archived_key: text("archived_key"),
            is_finished: row["is_finished"] == true,
            audit: texts("audit"),
            told: texts("told"),
            unsent: row["unsent"].as_u64().unwrap_or_default(),
        }
    }
}

/// The loads, in order of arrival, each file before its parts.
pub(crate) async fn ledger(world: &World) -> anyhow::Result<Vec<Entry>> {
    let rows = world.control_rows(include_str!("ledger.sql")).await?;
    Ok(rows.iter().map(Entry::of).collect())
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) ledger: Vec<Entry>,
    /// How often each outcome of each load was published.
    pub(crate) published: BTreeMap<(String, String), usize>,
    /// The etags of the objects in the bucket.
    pub(crate) objects: BTreeMap<String, String>,
    /// Multipart uploads that nobody completed or aborted.
    pub(crate) open_uploads: Vec<String>,
    /// How often each row is in the warehouse, and the files that it says it came from.
    pub(crate) rows: BTreeMap<(String, i32), Vec<String>>,
    /// How often a follow-up ran.
    pub(crate) follow_ups: usize,
}

impl Books {
    /// Reads everything.
    pub(crate) async fn read(world: &World, feeds: &Feeds) -> anyhow::Result<Self> {
        let (rows, follow_ups) = warehouse(world, feeds).await?;
        Ok(Self {
            ledger: ledger(world).await?,
            published: published(world).await?,
            objects: objects(world).await?,
            open_uploads: open_uploads(world).await?,
            rows,
            follow_ups,
        })
    }

    /// The loads of whole files under a key.
    pub(crate) fn loads_of<'a>(&'a self, key: &'a str, etag: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.ledger
            .iter()
            .filter(move |entry| entry.parent.is_none() && entry.key == key && entry.etag == etag)
    }

    /// The loads of a file's record types, or its deliveries.
    pub(crate) fn parts_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.ledger
            .iter()
            .filter(move |entry| entry.parent.as_deref() == Some(id))
    }

    /// The keys in a folder.
    pub(crate) fn keys_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a String> {
        self.objects.keys().filter(move |key| key.starts_with(folder))
    }
}

async fn published(world: &World) -> anyhow::Result<BTreeMap<(String, String), usize>> {
    let mut counts = BTreeMap::new();
    for one in world.published().await? {
        let texts = &one["texts"];
        let text = texts["sqs"].as_str().or_else(|| texts["default"].as_str());
        let message: Value = serde_json::from_str(text.unwrap_or_default())
            .with_context(|| format!("understand the message {texts}"))?;
        let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        *counts.entry((field("load_id"), field("status"))).or_default() += 1;
    }
    Ok(counts)
}

async fn objects(world: &World) -> anyhow::Result<BTreeMap<String, String>> {
    let mut objects = BTreeMap::new();
    let request = world.objects.list_objects_v2().bucket(&world.ready().bucket);
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.context("list the bucket")?.contents() {
            let etag = unquoted(object.e_tag().unwrap_or_default());
            objects.insert(object.key().unwrap_or_default().to_owned(), etag);
        }
    }
    Ok(objects)
}

async fn open_uploads(world: &World) -> anyhow::Result<Vec<String>> {
    let listed = world
        .objects
        .list_multipart_uploads()
        .bucket(&world.ready().bucket)
        .send()
        .await
        .context("list unfinished uploads")?;
    let keys = listed.uploads().iter().filter_map(|upload| upload.key());
    Ok(keys.map(str::to_owned).collect())
}

type WarehouseRows = BTreeMap<(String, i32), Vec<String>>;

/// Asked of the database under the warehouse, so that no fault of the Data API can colour the answer.
async fn warehouse(world: &World, feeds: &Feeds) -> anyhow::Result<(WarehouseRows, usize)> {
    let client = connect(world, None).await?;
    let mut all = BTreeMap::<_, Vec<String>>::new();
    if let Some((database, table)) = feeds.table_elsewhere() {
        let there = connect(world, Some(database)).await?;
        let rows = there
            .query(&format!("SELECT id, file_name FROM {table}"), &[])
            .await
            .with_context(|| format!("read {table} in {database}"))?;
        for row in rows {
            let files = all.entry((elsewhere(database, table), row.get(0))).or_default();
            files.push(row.get(1));
        }
    }
    for table in feeds.tables() {
        let rows = client
            .query(&format!("SELECT id, file_name FROM {table}"), &[])
            .await
            .with_context(|| format!("read {table}"))?;
        for row in rows {
            let files = all.entry((table.to_owned(), row.get(0))).or_default();
            files.push(row.get(1));
        }
    }
    let ran = client
        .query(&format!("SELECT ran FROM {}", feeds.journal), &[])
        .await
        .context("read the journal of follow-ups")?;
    Ok((all, ran.len()))
}

/// The database of the stack's own warehouse, or another one on its server.
async fn connect(world: &World, database: Option<&str>) -> anyhow::Result<tokio_postgres::Client> {
    let mut config: tokio_postgres::Config = world.ready().warehouse_database_url.parse()?;
    if let Some(database) = database {
        config.dbname(database);
    }
    let (client, connection) = config
        .connect(NoTls)
        .await
        .context("connect to the warehouse's database")?;
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}

/// What a table of another warehouse is called in the books.
pub(super) fn elsewhere(database: &str, table: &str) -> String {
    format!("{database}: {table}")
}

/// S3 quotes etags, events do not.
pub(super) fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
