//! Files that were replaced while they waited for others.
//!
//! COPY reads a key, not a version: for a file that waits where it landed it would read what lies there by now, whose rows come with a
//! load of their own. And of a set the same file sent twice is not two files. So what was replaced leaves, skipped and told: its
//! rows are nowhere.

use longshore_domain::load::LoadId;
use longshore_store::{BufferId, Superseded};

use crate::batch::{Making, leave};
use crate::{App, AppError};

/// Lets the first load leave a buffer whose file was replaced; only one of those that `may_leave` says may. `None` when there is
/// none. What the ledger says is only where to look: events may come in any order, so S3 is asked what lies there.
pub(crate) async fn leave_first(
    app: &App,
    buffer: BufferId,
    may_leave: impl Fn(LoadId) -> bool,
    actor: &str,
) -> Result<Option<Making>, AppError> {
    for superseded in app.store.superseded(buffer).await? {
        if may_leave(superseded.load) && !lies_there(app, &superseded).await? {
            let note = format!(
                "the file was replaced before it was loaded; what lies there now is load {}",
                superseded.by
            );
            return leave(app, buffer, superseded.load, &note, actor).await.map(Some);
        }
    }
    Ok(None)
}

async fn lies_there(app: &App, superseded: &Superseded) -> Result<bool, AppError> {
    let head = app.objects.head(&superseded.bucket, &superseded.key).await?;
    Ok(head.is_some_and(|head| head.etag == superseded.etag))
}
