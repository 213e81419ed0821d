//! Between the engine, which writes blocks as it goes, and S3, which takes them when it can.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_preprocess::{OutputError, OutputId, Outputs};

use super::pass::Written;
use crate::AppError;
use crate::ports::{ObjectStore, Upload};

/// What the engine wrote since the last drain, in order of its outputs.
#[derive(Default)]
pub(super) struct Blocks {
    blocks: BTreeMap<OutputId, BytesMut>,
}

impl Outputs for Blocks {
    fn write(&mut self, output: OutputId, bytes: &[u8]) -> Result<(), OutputError> {
        self.blocks.entry(output).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, _output: OutputId) -> Result<(), OutputError> {
        Ok(())
    }
}

/// The open uploads of one pass. What is not finished is aborted.
pub(super) struct Uploads<'a> {
    objects: &'a dyn ObjectStore,
    bucket: &'a Bucket,
    open: BTreeMap<OutputId, (ObjectKey, Box<dyn Upload>)>,
}

impl<'a> Uploads<'a> {
    pub(super) fn new(objects: &'a dyn ObjectStore, bucket: &'a Bucket) -> Self {
        Self {
            objects,
            bucket,
            open: BTreeMap::new(),
        }
    }

    /// Hands over what the engine wrote. `key` names the object of an output that begins.
    pub(super) async fn take(
        &mut self,
        blocks: &mut Blocks,
        key: impl Fn(OutputId) -> ObjectKey,
    ) -> Result<(), AppError> {
        for (output, bytes) in std::mem::take(&mut blocks.blocks) {
            if !self.open.contains_key(&output) {
                let key = key(output);
                let upload = self.objects.upload(self.bucket, &key).await?;
                self.open.insert(output, (key, upload));
            }
            if let Some((_, upload)) = self.open.get_mut(&output) {
                upload.write(Bytes::from(bytes)).await?;
            }
        }
        Ok(())
    }

    /// Makes every object appear.
    pub(super) async fn finish(mut self) -> Result<Vec<(OutputId, Written)>, AppError> {
        let mut written = Vec::with_capacity(self.open.len());
        while let Some((output, (key, upload))) = self.open.pop_first() {
            match upload.finish().await {
                Ok(object) => {
                    written.push((
                        output,
                        Written {
                            key,
                            size_bytes: object.size_bytes,
                            etag: object.etag,
                        },
                    ));
                }
                Err(error) => {
                    self.abort().await;
                    return Err(error.into());
                }
            }
        }
        Ok(written)
    }

    /// Gives up on all that is open.
    pub(super) async fn abort(self) {
        for (_, upload) in self.open.into_values() {
            upload.abort().await;
        }
    }
}
