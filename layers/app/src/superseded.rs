//! Files that were replaced while they waited: for others, for their rule, or for their turn at a warehouse.
//!
//! COPY reads a key, not a version: for a file that waits where it landed it would read what lies there by now, whose rows come with a
//! load of their own. And of a set the same file sent twice is not two files.

use longshore_domain::load::LoadId;
use longshore_store::{BufferId, Load, OtherContent, Superseded};

use crate::{App, AppError};

/// The first of these loads in a buffer whose file was replaced. What the ledger says is only where to look: events may come in any
/// order, so S3 is asked what lies there.
pub(crate) async fn first_of(
    app: &App,
    buffer: BufferId,
    loads: &[LoadId],
) -> Result<Option<Superseded>, AppError> {
    for superseded in app.store.superseded(buffer, loads).await? {
        if !lies_there(app, &superseded).await? {
            return Ok(Some(superseded));
        }
    }
    Ok(None)
}

async fn lies_there(app: &App, superseded: &Superseded) -> Result<bool, AppError> {
    let head = app.objects.head(&superseded.bucket, &superseded.key).await?;
    Ok(head.is_some_and(|head| head.etag == superseded.etag))
}

/// The load of the latest file under the key of a load, if that is a later one than its own. Where both were announced S3 says which is
/// later, whatever order their events came in. A replay is an operator's, who wants to know what comes of it.
pub(crate) async fn successor(app: &App, load: &Load) -> Result<Option<LoadId>, AppError> {
    if load.parent.is_some() || load.replays.is_some() || load.is_batch() {
        return Ok(None);
    }
    let own = OtherContent {
        load: load.id,
        sequencer: load.object.sequencer.clone(),
        received_at: load.received_at,
    };
    let others = app.store.other_contents(load.id).await?;
    let latest = others
        .iter()
        .fold(&own, |latest, other| match is_later(other, latest) {
            true => other,
            false => latest,
        });
    Ok((latest.load != own.load).then_some(latest.load))
}

/// The same of a load of which the id is known.
pub(crate) async fn successor_of(app: &App, load: LoadId) -> Result<Option<LoadId>, AppError> {
    match app.store.load(load).await? {
        Some(load) => successor(app, &load).await,
        None => Ok(None),
    }
}

fn is_later(one: &OtherContent, than: &OtherContent) -> bool {
    match (&one.sequencer, &than.sequencer) {
        (Some(one), Some(than)) if one.is_of_event() && than.is_of_event() => one > than,
        _ => (one.received_at, one.load) > (than.received_at, than.load),
    }
}

/// Why a load ends that was replaced, in a sentence.
pub(crate) fn replaced_by(by: LoadId) -> String {
    format!("replaced by {by}, the load of a later file under the same key, before it was loaded")
}
