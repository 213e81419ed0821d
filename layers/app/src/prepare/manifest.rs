//! Files that are lists of files, as UNLOAD writes them and COPY reads them.

use longshore_domain::object::{Object, parse_s3_url};
use longshore_domain::reject::RejectReason;
use serde::Deserialize;

use super::read_whole;
use crate::{App, AppError};

/// COPY takes larger ones; nobody writes them.
const MOST_BYTES: u64 = 8 << 20;

#[derive(Deserialize)]
struct Listed {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    url: String,
}

/// The files that a manifest lists, each with its length, or why it lists none that can be loaded. All of them must be there,
/// whatever the manifest says: what is loaded without one of them is not what was delivered.
pub(crate) async fn files_of(
    app: &App,
    manifest: &Object,
) -> Result<Result<Vec<Object>, RejectReason>, AppError> {
    let text = match read_whole(app, manifest, MOST_BYTES).await? {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(refused(format!("it has more than {MOST_BYTES} bytes"))),
        Err(gone) => return Ok(Err(gone)),
    };
    let listed: Listed = match serde_json::from_slice(&text) {
        Ok(listed) => listed,
        Err(error) => {
            return Ok(refused(format!(
                "it does not read as {{\"entries\": [{{\"url\": …}}]}}: {error}"
            )));
        }
    };
    if listed.entries.is_empty() {
        return Ok(refused("it lists no file".to_owned()));
    }
    let mut files: Vec<Object> = vec![];
    for Entry { url } in listed.entries {
        let Some((bucket, key)) = parse_s3_url(&url) else {
            return Ok(refused(format!("{url:?} is no s3://bucket/key")));
        };
        if files.iter().any(|file| file.bucket == bucket && file.key == key) {
            return Ok(refused(format!(
                "it lists {url} twice, which would load it twice"
            )));
        }
        let Some(head) = app.objects.head(&bucket, &key).await? else {
            return Ok(refused(format!("{url}, which it lists, does not exist")));
        };
        files.push(Object {
            bucket,
            key,
            version: head.version,
            etag: head.etag,
            size_bytes: head.size_bytes,
            sequencer: None,
        });
    }
    Ok(Ok(files))
}

fn refused<T>(problem: String) -> Result<T, RejectReason> {
    Err(RejectReason::Content {
        fault: "manifest_unreadable".to_owned(),
        message: format!("the manifest cannot be followed: {problem}"),
        line: None,
        byte: None,
    })
}
