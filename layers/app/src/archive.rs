//! Putting files away: copied, verified, and only then deleted.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::archive::{ArchiveShelf, archive_key, manifest_key, work_folder};
use longshore_domain::object::{Object, ObjectKey, WatchedPrefix};
use longshore_store::Load;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::ports::{ArchiveCopy, ObjectStoreError};
use crate::{App, AppError, prepare};

/// More files of one name within one second than this are not to be had by honest means.
const MOST_COLLISIONS: u32 = 1_000;

/// What giving up in good order takes: the parts of a long copy forgotten, the lease given back, the answer sent.
const MARGIN: TimeDelta = TimeDelta::seconds(15);

/// What a person should know of a file that was gone when it was to be put away. COPY reads a key, not a version: what it read may
/// have been the file that came after.
pub(crate) const REPLACED: &str =
    "the file was replaced or removed while it was loaded; its rows may be those of its successor";

/// What became of a file that was to be put away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PutAway {
    /// It lies here now.
    Archived(ObjectKey),
    /// It was left where it landed, as its rule says.
    Stays,
    /// Somebody removed or replaced it before it could be copied.
    Gone,
}

impl PutAway {
    /// Where the file lies now.
    pub(crate) fn key(self) -> Option<ObjectKey> {
        match self {
            Self::Archived(key) => Some(key),
            Self::Stays | Self::Gone => None,
        }
    }
}

/// Moves a load's object to the archive.
///
/// The key is put on the ledger before the copy is made, so that a retry finds the copy that an earlier try left.
///
/// What was read out of the archive lies there already, and stays.
///
/// # Errors
/// [`AppError::OutOfTime`] shortly before `deadline`, so that whoever is stopped then has given back what it holds.
pub(crate) async fn put_away(
    app: &App,
    load: &Load,
    shelf: ArchiveShelf<'_>,
    deadline: DateTime<Utc>,
) -> Result<PutAway, AppError> {
    // The other deliveries read it too.
    if load.is_delivery() {
        return Ok(PutAway::Stays);
    }
    if let Some(key) = &load.read_key {
        return Ok(PutAway::Archived(key.clone()));
    }
    if load.file_stays && load.record_type.is_none() {
        return Ok(PutAway::Stays);
    }
    let now = app.clock.now();
    let time = app.config.local_time(now);
    let gives_up_at = Instant::now() + (deadline - MARGIN - now).to_std().unwrap_or_default();
    let name = archived_name(load);
    let mut key = match &load.archived_key {
        Some(planned) => planned.clone(),
        None => {
            let key = archive_key(&app.config.archive_folder, shelf, &name, time, 0);
            app.store.plan_archive(load.id, &key).await?
        }
    };
    for collision in 1..=MOST_COLLISIONS {
        let copy = app.objects.copy_if_absent(&load.object, &key);
        let Ok(copied) = timeout_at(gives_up_at, copy).await else {
            return Err(AppError::OutOfTime {
                url: load.object.url(),
            });
        };
        match copied {
            Ok(ArchiveCopy::Copied) => {
                app.objects.delete(&load.object).await?;
                info!("archived {} as {key}", load.object.key);
                return Ok(PutAway::Archived(key));
            }
            Ok(ArchiveCopy::Occupied) => {
                let next = archive_key(&app.config.archive_folder, shelf, &name, time, collision);
                key = app.store.replan_archive(load.id, &key, &next).await?;
            }
            Err(ObjectStoreError::NotFound { .. } | ObjectStoreError::Replaced { .. }) => {
                return earlier_copy(app, &load.object, key).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Inconsistent {
        load: load.id,
        what: format!("{MOST_COLLISIONS} archived files are called {key}"),
    })
}

/// The source is gone: an earlier try may have deleted it after its copy was made.
async fn earlier_copy(app: &App, object: &Object, key: ObjectKey) -> Result<PutAway, AppError> {
    match app.objects.head(&object.bucket, &key).await? {
        Some(copy) if copy.size_bytes == object.size_bytes => Ok(PutAway::Archived(key)),
        Some(_) | None => {
            warn!(
                "{} was gone or replaced before it could be archived",
                object.url()
            );
            Ok(PutAway::Gone)
        }
    }
}

/// The part of a record type is archived under its file's name and its type.
fn archived_name(load: &Load) -> String {
    match &load.record_type {
        Some(record_type) => format!("{}.{}", load.file_name, prepare::part_name(record_type)),
        None => load.file_name.clone(),
    }
}

/// Removes what was written for a load: its manifest and its prepared copies. What is delivered to several warehouses goes with the
/// file, which ends last.
pub(crate) async fn clear_work(app: &App, load: &Load) -> Result<(), AppError> {
    let copies = load
        .sources
        .iter()
        .filter(|_| load.prepared && !load.is_delivery())
        .map(|source| &source.key);
    for key in load.manifest_key.iter().chain(copies) {
        app.objects.delete_work(&load.object.bucket, key).await?;
    }
    Ok(())
}

/// Removes what dead invocations wrote for a load that came to nothing: none of it is on the ledger. A load that was claimed
/// once has nothing of the kind.
pub(crate) async fn clear_leftovers(app: &App, load: &Load) -> Result<(), AppError> {
    if load.claims < 2 {
        return Ok(());
    }
    let bucket = &load.object.bucket;
    let folder = &app.config.processing_folder;
    app.objects
        .delete_work(bucket, &manifest_key(folder, load.id))
        .await?;
    let copies = WatchedPrefix {
        bucket: bucket.clone(),
        prefix: format!("{}/", work_folder(folder, load.id)),
    };
    let mut after = None;
    loop {
        let page = app.objects.list(&copies, after.as_ref()).await?;
        for copy in &page.objects {
            app.objects.delete_work(bucket, &copy.key).await?;
        }
        after = page.objects.last().map(|copy| copy.key.clone());
        if page.is_last || after.is_none() {
            return Ok(());
        }
    }
}
