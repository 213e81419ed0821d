//! Files that were replaced while they waited for others.
//!
//! COPY reads a key, not a version: for a file that waits where it landed it would read what lies there by now, whose rows come with a
//! load of their own. And of a set the same file sent twice is not two files.

use longshore_domain::load::LoadId;
use longshore_store::{BufferId, Superseded};

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
