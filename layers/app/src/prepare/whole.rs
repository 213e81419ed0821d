//! Small files that are read whole, since they say something of others.

use futures_util::StreamExt;
use longshore_domain::object::Object;
use longshore_domain::reject::RejectReason;

use crate::ports::ObjectStoreError;
use crate::{App, AppError};

/// The bytes of a small file; `None` when it has more than `most`. A file that was replaced since it was announced is refused like one
/// that is gone: what lies there now is announced by itself.
pub(crate) async fn read_whole(
    app: &App,
    object: &Object,
    most: u64,
) -> Result<Result<Option<Vec<u8>>, RejectReason>, AppError> {
    match read(app, object, most).await {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error) if error.is_of_the_gone() => Ok(Err(RejectReason::ObjectGone)),
        Err(error) => Err(error.into()),
    }
}

async fn read(app: &App, object: &Object, most: u64) -> Result<Option<Vec<u8>>, ObjectStoreError> {
    let mut body = app.objects.open(object).await?;
    if body.size_bytes > most {
        return Ok(None);
    }
    let mut bytes = vec![];
    while let Some(chunk) = body.chunks.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(Some(bytes))
}
