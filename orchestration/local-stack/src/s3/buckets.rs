//! Buckets: creating, describing, removing, and whether they keep versions.

use std::ops::ControlFlow;
use std::sync::Arc;

use s3s::dto::{BucketVersioningStatus, GetBucketVersioningOutput, ListBucketsOutput, Owner, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use crate::index::{Index, IndexError, Read};
use crate::s3::record::{BUCKETS, Bucket, UPLOADS, VERSIONS, Versioning};
use crate::s3::storage::{Storage, bucket};
use crate::time::Moment;

/// Makes sure that a bucket exists; its versioning stays as it is.
pub(crate) async fn ensure_bucket(index: &Arc<Index>, name: String) -> Result<(), IndexError> {
    index
        .write(move |writer| {
            if writer.get(&BUCKETS, &name)?.is_none() {
                writer.put(&BUCKETS, &name, &new_bucket())?;
            }
            Ok(())
        })
        .await
}

impl Storage {
    /// Answers CreateBucket.
    pub(super) async fn create_bucket_named(&self, name: String) -> S3Result<()> {
        self.index
            .write(move |writer| {
                if writer.get(&BUCKETS, &name)?.is_some() {
                    return Err(s3_error!(
                        BucketAlreadyOwnedByYou,
                        "Your previous request to create the named bucket succeeded and you already own it."
                    ));
                }
                writer.put(&BUCKETS, &name, &new_bucket())?;
                Ok(())
            })
            .await
    }

    /// Answers DeleteBucket: only an empty bucket goes, versions and uploads under way included.
    pub(super) async fn delete_bucket_named(&self, name: String) -> S3Result<()> {
        self.index
            .write(move |writer| {
                bucket(writer, &name)?;
                let mut is_empty = true;
                writer.scan(&VERSIONS, (&name, "", 0), |(in_bucket, _, _), _| {
                    is_empty &= in_bucket != name;
                    ControlFlow::Break(())
                })?;
                writer.scan(&UPLOADS, (&name, "", ""), |(in_bucket, _, _), _| {
                    is_empty &= in_bucket != name;
                    ControlFlow::Break(())
                })?;
                if !is_empty {
                    return Err(s3_error!(
                        BucketNotEmpty,
                        "The bucket you tried to delete is not empty."
                    ));
                }
                writer.remove(&BUCKETS, &name)?;
                Ok(())
            })
            .await
    }

    /// Answers ListBuckets.
    pub(super) fn buckets(&self, prefix: &str) -> S3Result<ListBucketsOutput> {
        let mut buckets = Vec::new();
        self.index.read()?.scan(&BUCKETS, prefix, |name, record| {
            if !name.starts_with(prefix) {
                return ControlFlow::Break(());
            }
            buckets.push(s3s::dto::Bucket {
                name: Some(name.to_owned()),
                creation_date: Some(Timestamp::from(record.created.system_time())),
                bucket_region: Some(self.region.clone()),
            });
            ControlFlow::Continue(())
        })?;
        Ok(ListBucketsOutput {
            buckets: Some(buckets),
            owner: Some(owner()),
            ..ListBucketsOutput::default()
        })
    }

    /// Answers PutBucketVersioning.
    pub(super) async fn set_versioning(
        &self,
        name: String,
        status: Option<BucketVersioningStatus>,
    ) -> S3Result<()> {
        let versioning = match status.as_ref().map(BucketVersioningStatus::as_str) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => {
                return Err(s3_error!(
                    MalformedXML,
                    "The versioning status is Enabled or Suspended."
                ));
            }
        };
        self.index
            .write(move |writer| {
                let record = Bucket {
                    versioning,
                    ..bucket(writer, &name)?
                };
                writer.put(&BUCKETS, &name, &record)?;
                Ok::<_, S3Error>(())
            })
            .await
    }

    /// Answers GetBucketVersioning.
    pub(super) fn versioning(&self, name: &str) -> S3Result<GetBucketVersioningOutput> {
        let status = match bucket(&self.index.read()?, name)?.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
        };
        let status = status.map(BucketVersioningStatus::from_static);
        Ok(GetBucketVersioningOutput {
            status,
            ..GetBucketVersioningOutput::default()
        })
    }
}

/// Everything belongs to the one account there is.
pub(super) fn owner() -> Owner {
    Owner {
        display_name: Some("local".to_owned()),
        id: Some("local".to_owned()),
    }
}

fn new_bucket() -> Bucket {
    Bucket {
        created: Moment::now(),
        versioning: Versioning::Off,
    }
}
