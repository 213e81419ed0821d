//! How the warehouse reads objects: not over HTTP, but from the same records and blobs.

use std::io;

use futures_util::StreamExt;
use longshore_local_warehouse::{ObjectBody, ObjectReader, ObjectSummary};

use crate::s3::listing::{After, MAX_PAGE, Query, page};
use crate::s3::record::Object;
use crate::s3::storage::{Storage, find_version};

#[async_trait::async_trait]
impl ObjectReader for Storage {
    async fn open(&self, bucket: &str, key: &str) -> io::Result<Option<ObjectBody>> {
        let (object, lease) = self.blobs.lease(|| {
            let reader = self.index.read().map_err(io::Error::other)?;
            let version = find_version(&reader, bucket, key, None).map_err(io::Error::other)?;
            let object = version.and_then(|(_, version)| version.object().cloned());
            let segments = object
                .as_ref()
                .map(|object| object.segments.clone())
                .unwrap_or_default();
            Ok::<(Option<Object>, _), io::Error>((object, segments))
        })?;
        Ok(object.map(|object| ObjectBody {
            size: object.size,
            metadata: object.attributes.metadata.into_iter().collect(),
            chunks: lease.into_stream().boxed(),
        }))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<ObjectSummary>> {
        let reader = self.index.read().map_err(io::Error::other)?;
        let mut summaries = Vec::new();
        let mut after = Some(After::Start);
        while let Some(from) = after {
            let query = Query {
                bucket,
                prefix,
                delimiter: None,
                after: from,
                max_keys: MAX_PAGE,
            };
            let page = page(&reader, &query).map_err(io::Error::other)?;
            summaries.extend(page.objects.into_iter().filter_map(|(key, version)| {
                let size = version.object()?.size;
                Some(ObjectSummary { key, size })
            }));
            after = page.next;
        }
        Ok(summaries)
    }
}
