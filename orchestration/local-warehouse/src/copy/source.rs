//! Which files a COPY reads.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::statement::CopyStatement;
use crate::engine::StatementError;
use crate::{ObjectBody, ObjectReader};

/// A manifest or jsonpaths file larger than this is none.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// One file to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    /// The bucket.
    pub(super) bucket: String,
    /// The key.
    pub(super) key: String,
    /// Whether its absence fails the load.
    pub(super) mandatory: bool,
    /// How long the manifest says that it is.
    pub(super) stated_length: Option<u64>,
}

impl SourceFile {
    /// How the system views name it.
    pub(super) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

#[derive(Deserialize)]
struct Manifest {
    entries: Vec<ManifestEntry>,
}

#[derive(Deserialize)]
struct ManifestEntry {
    url: String,
    #[serde(default)]
    mandatory: bool,
    meta: Option<ManifestMeta>,
}

#[derive(Deserialize)]
struct ManifestMeta {
    content_length: Option<u64>,
}

/// The files in the order in which they are loaded; one listed twice is there twice.
pub(super) async fn source_files(
    objects: &dyn ObjectReader,
    copy: &CopyStatement,
) -> Result<Vec<SourceFile>, StatementError> {
    if copy.manifest {
        manifest_files(objects, &copy.source).await
    } else {
        prefix_files(objects, &copy.source).await
    }
}

/// A whole small file.
pub(super) async fn read_whole(
    objects: &dyn ObjectReader,
    url: &str,
    what: &str,
) -> Result<Vec<u8>, StatementError> {
    let (bucket, key) = split_url(url)?;
    let problem =
        |reason: String| StatementError::new(format!("Problem reading {what} file - {reason} ({url})"));
    let body = objects
        .open(bucket, key)
        .await
        .map_err(|error| problem(error.to_string()))?;
    let Some(ObjectBody { size, mut chunks, .. }) = body else {
        return Err(problem(
            "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey".to_owned(),
        ));
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|error| problem(error.to_string()))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err(problem(format!("it is larger than {MOST_BYTES} bytes")));
        }
    }
    if u64::try_from(bytes.len()).ok() != Some(size) {
        return Err(problem("the connection ended early".to_owned()));
    }
    Ok(bytes)
}

/// The same, and an end before its end is an error.
pub(super) fn whole(body: ObjectBody) -> ObjectBody {
    let ObjectBody {
        size,
        chunks,
        metadata,
    } = body;
    let counted = stream::try_unfold((chunks, 0_u64), move |(mut chunks, read)| async move {
        match chunks.next().await {
            Some(chunk) => {
                let chunk = chunk?;
                let read = read + u64::try_from(chunk.len()).unwrap_or_default();
                Ok(Some((chunk, (chunks, read))))
            }
            None if read == size => Ok(None),
            None => Err(std::io::Error::other(format!(
                "the connection ended after {read} of {size} bytes"
            ))),
        }
    });
    ObjectBody {
        size,
        metadata,
        chunks: counted.boxed(),
    }
}

async fn manifest_files(objects: &dyn ObjectReader, url: &str) -> Result<Vec<SourceFile>, StatementError> {
    let bytes = read_whole(objects, url, "manifest").await?;
    files_of_manifest(url, &bytes)
}

/// The files that a manifest lists; never none.
pub(super) fn files_of_manifest(url: &str, bytes: &[u8]) -> Result<Vec<SourceFile>, StatementError> {
    let manifest: Manifest = serde_json::from_slice(bytes)
        .map_err(|error| StatementError::new(format!("Invalid manifest file {url}: {error}")))?;
    let mut files = Vec::new();
    for entry in manifest.entries {
        let (bucket, key) = split_url(&entry.url)?;
        files.push(SourceFile {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            mandatory: entry.mandatory,
            stated_length: entry.meta.and_then(|meta| meta.content_length),
        });
    }
    if files.is_empty() {
        return Err(StatementError::new(format!(
            "The manifest file {url} has no entries"
        )));
    }
    Ok(files)
}

async fn prefix_files(objects: &dyn ObjectReader, url: &str) -> Result<Vec<SourceFile>, StatementError> {
    let (bucket, prefix) = split_url(url)?;
    let listed = objects
        .list(bucket, prefix)
        .await
        .map_err(|error| StatementError::new(format!("Problem listing {url}: {error}")))?;
    let files: Vec<SourceFile> = listed
        .into_iter()
        .filter(|object| !object.key.ends_with('/'))
        .map(|object| SourceFile {
            bucket: bucket.to_owned(),
            key: object.key,
            mandatory: true,
            stated_length: None,
        })
        .collect();
    if files.is_empty() {
        return Err(StatementError::new(format!(
            "The specified S3 prefix '{prefix}' does not exist"
        )));
    }
    Ok(files)
}

fn split_url(url: &str) -> Result<(&str, &str), StatementError> {
    url.strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(bucket, _)| !bucket.is_empty())
        .ok_or_else(|| StatementError::new(format!("Invalid S3 URL '{url}': expected s3://bucket/key")))
}
