//! Watched prefixes: how far their listings are, and what the ledger makes of the objects in them.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Bucket, Object, ObjectKey, WatchedPrefix};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::RuleId;
use longshore_domain::trace::TraceId;

use tokio_postgres::Row;

use crate::claim::lock_object;
use crate::queries::Query;
use crate::read::{Reader, bigint, text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::{Store, StoreError};

const TABLE: &str = "ext_watched_prefix";

/// An object of a listing, as far as the ledger is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its key.
    pub key: ObjectKey,
    /// Its entity tag.
    pub etag: Option<String>,
    /// When it was written.
    pub modified_at: DateTime<Utc>,
}

/// An object that the ledger does not account for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unaccounted {
    /// Its place among the sightings, from 0.
    pub place: usize,
    /// The load that refused it and left it where it is; None when no load knows it.
    pub refusal: Option<Refusal>,
}

/// A load that refused a file and left it where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The load.
    pub load: LoadId,
    /// When it was itself a further try: the fingerprint of the rules that it was tried under.
    pub rules_seen: Option<String>,
}

/// A load for an object that no event announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedLoad {
    /// Its id: [`LoadId::of`] the object, or that of the marker which proves that the object was loaded before.
    pub id: LoadId,
    /// The object, with a stand-in for the sequencer.
    pub object: Object,
    /// When the object was written.
    pub modified_at: DateTime<Utc>,
    /// When it was last looked for, and found. What was put away since then may have been this very object.
    pub seen_at: DateTime<Utc>,
    /// Of an object that was refused and is tried again: the fingerprint of the rules that it is tried under.
    pub retried_under: Option<String>,
    /// The rule that wants it; None where any does that takes the object.
    pub wanted: Option<WantedFor>,
}

/// The one rule that objects are looked for on behalf of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFor {
    /// The rule.
    pub rule: RuleId,
    /// The queue that it takes files by, when it takes none by their keys.
    pub queue: Option<QueueName>,
    /// Why they are looked for.
    pub why: String,
}

/// What is put on record of how a load came to be.
fn note_of(wanted: Option<&WantedFor>) -> String {
    wanted.map_or_else(
        || "found by listing".to_owned(),
        |wanted| format!("found by backfill: {}", wanted.why),
    )
}

/// The right to list a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lister {
    /// The invocation.
    pub owner: String,
    /// When the right ends by itself.
    pub until: DateTime<Utc>,
}

/// A page that was compared with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparedPage<'key> {
    /// The key that the next page begins after; None when this was the last one.
    pub resume_after: Option<&'key ObjectKey>,
    /// The objects in it.
    pub seen: u64,
    /// Those of them that were put on the ledger.
    pub announced: u64,
}

impl Store {
    /// Takes the listing of a prefix: the key it goes on after. None while another lists it, while it waits after a failure,
    /// or when its last pass began after `due_before` and is done.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_listing(
        &self,
        watched: &WatchedPrefix,
        lister: &Lister,
        now: DateTime<Utc>,
        due_before: DateTime<Utc>,
    ) -> Result<Option<Option<ObjectKey>>, StoreError> {
        let parameters: Parameters<'_> = &[
            &watched.bucket.as_str(),
            &watched.prefix,
            &lister.owner,
            &lister.until,
            &now,
            &due_before,
        ];
        let rows = self.rows(Query::PrefixTake, parameters).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let resume_after: Option<String> = Reader::new(row, TABLE).get("resume_after")?;
        Ok(Some(resume_after.map(ObjectKey::new)))
    }

    /// Says that a page is compared and its loads are on the ledger. False when somebody else lists by now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn advance_listing(
        &self,
        watched: &WatchedPrefix,
        lister: &Lister,
        page: ComparedPage<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let seen = bigint("prefix_advance", "objects_seen", page.seen)?;
        let announced = bigint("prefix_advance", "objects_announced", page.announced)?;
        let parameters: Parameters<'_> = &[
            &watched.bucket.as_str(),
            &watched.prefix,
            &lister.owner,
            &page.resume_after.map(ObjectKey::as_str),
            &seen,
            &announced,
            &now,
        ];
        Ok(self.execute(Query::PrefixAdvance, parameters).await? == 1)
    }

    /// Lets go of a listing, with the error when it failed.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn release_listing(
        &self,
        watched: &WatchedPrefix,
        lister: &Lister,
        error: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let error = error.map(text);
        let parameters: Parameters<'_> = &[
            &watched.bucket.as_str(),
            &watched.prefix,
            &lister.owner,
            &error,
            &now,
        ];
        self.execute(Query::PrefixRelease, parameters).await?;
        Ok(())
    }

    /// Of the objects of a page, those that the ledger does not account for, in one query. Where one rule wants them, what
    /// others did with them accounts for nothing.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn compare_listed(
        &self,
        bucket: &Bucket,
        sightings: &[Sighting],
        wanted: Option<&WantedFor>,
    ) -> Result<Vec<Unaccounted>, StoreError> {
        let keys: Vec<_> = sightings.iter().map(|sighting| sighting.key.as_str()).collect();
        let etags: Vec<_> = sightings
            .iter()
            .map(|sighting| sighting.etag.as_deref())
            .collect();
        let times: Vec<_> = sightings.iter().map(|sighting| sighting.modified_at).collect();
        let (rule, queue) = said_of(wanted);
        let parameters: Parameters<'_> = &[&bucket.as_str(), &keys, &etags, &times, &rule, &queue];
        let rows = self.rows(Query::LoadCompareListed, parameters).await?;
        rows.iter().map(read_unaccounted).collect()
    }

    /// Puts a load for an object that no event announced on the ledger; nothing happens when the ledger accounts for the
    /// object by now. Gives what the load is followed by.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn record_listed(
        &self,
        listed: &ListedLoad,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<TraceId>, StoreError> {
        let object = &listed.object;
        let sequencer = object.sequencer.as_ref().map(|sequencer| sequencer.as_str());
        let size_bytes = bigint("load_insert_listed", "size_bytes", object.size_bytes)?;
        let (rule, queue) = said_of(listed.wanted.as_ref());
        let note = note_of(listed.wanted.as_ref());
        let mut client = self.client("load_insert_listed").await?;
        let transaction = Transaction::begin(self, &mut client);
        lock_object(&transaction, object).await?;
        let parameters: Parameters<'_> = &[
            &listed.id.as_uuid(),
            &object.bucket.as_str(),
            &object.key.as_str(),
            &object.version,
            &object.etag,
            &sequencer,
            &size_bytes,
            &object.key.file_name(),
            &actor,
            &now,
            &listed.modified_at,
            &listed.retried_under,
            &listed.seen_at,
            &queue,
            &rule,
            &text(&note),
        ];
        let made = transaction.rows(Query::LoadInsertListed, parameters).await?;
        transaction.commit().await?;
        let trace = |row: &Row| Reader::new(row, "ext_file_load").word("trace_id", TraceId::parse);
        made.first().map(trace).transpose()
    }
}

fn said_of(wanted: Option<&WantedFor>) -> (Option<i32>, Option<&str>) {
    let queue = wanted.and_then(|wanted| wanted.queue.as_ref());
    (wanted.map(|wanted| wanted.rule.0), queue.map(QueueName::as_str))
}

fn read_unaccounted(row: &Row) -> Result<Unaccounted, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    let place = usize::try_from(reader.count("place")?).unwrap_or_default();
    let rules_seen = reader.get("rules_seen")?;
    let refused = reader.get::<Option<_>>("load_id")?.map(LoadId::from_uuid);
    Ok(Unaccounted {
        place: place.saturating_sub(1),
        refusal: refused.map(|load| Refusal { load, rules_seen }),
    })
}
