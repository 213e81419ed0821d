//! S3: objects as lists of segments of blobs, described in the index; the protocol is the `s3s` crate's.
//!
//! The map: [`operations`] is the table of contents; [`mod@write`], [`read`], [`copy`] and [`multipart`] tell how each works;
//! [`storage`] commits versions and deletes them; [`record`] is what the index keeps; [`blob`] is the bytes.

mod blob;
mod buckets;
mod checksum;
mod condition;
mod copy;
mod encoding;
mod listing;
mod lists;
mod multipart;
mod notification;
mod operations;
mod read;
mod reader;
mod record;
mod storage;
mod versions;
mod write;

use std::io;
use std::path::Path;
use std::sync::Arc;

use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::faults::Deliveries;
use crate::index::{Index, Read};
use crate::options::StackOptions;
use crate::s3::blob::Blobs;
use crate::s3::notification::Announcer;
use crate::s3::record::BLOB_USES;
use crate::sqs::Queues;

pub(crate) use buckets::ensure_bucket;
pub(crate) use storage::Storage;

impl Storage {
    /// Opens the storage of a data folder and sweeps the blobs that a crash left without a record.
    pub(crate) fn open(
        folder: &Path,
        index: Arc<Index>,
        deliveries: Arc<Deliveries>,
        queues: Arc<Queues>,
        options: &StackOptions,
    ) -> io::Result<Self> {
        let blobs = Blobs::open(folder.join("blobs"))?;
        let reader = index.read().map_err(io::Error::other)?;
        let swept = blobs.sweep(|id| {
            let uses = reader.get(&BLOB_USES, id.as_str()).map_err(io::Error::other)?;
            Ok(uses.is_some())
        })?;
        if swept > 0 {
            tracing::info!(blobs = swept, "removed what an interrupted write left behind");
        }
        let announcer = Announcer {
            region: options.region.clone(),
            account: options.account.clone(),
            notifications: options.bucket_notifications.clone(),
            queue_notifications: options.queue_notifications.clone(),
            queues,
        };
        let region = options.region.clone();
        Ok(Self {
            index,
            blobs,
            announcer: Arc::new(announcer),
            deliveries,
            region,
        })
    }

    /// The HTTP service, which checks signatures against the one pair of keys there is.
    pub(crate) fn into_service(self, options: &StackOptions) -> S3Service {
        let mut builder = S3ServiceBuilder::new(self);
        builder.set_auth(SimpleAuth::from_single(
            options.access_key_id.clone(),
            options.secret_access_key.clone(),
        ));
        builder.build()
    }
}
