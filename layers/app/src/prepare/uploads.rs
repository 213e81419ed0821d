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
    /// Outputs that have ended.
    ended: Vec<OutputId>,
}

impl Outputs for Blocks {
    fn write(&mut self, output: OutputId, bytes: &[u8]) -> Result<(), OutputError> {
        self.blocks.entry(output).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, output: OutputId) -> Result<(), OutputError> {
        self.ended.push(output);
        Ok(())
    }
}

/// The uploads of one pass. Those of parts that have ended are finished at once, so that one part after the other takes no
/// more memory than one; what is not finished is aborted.
pub(super) struct Uploads<'a> {
    objects: &'a dyn ObjectStore,
    bucket: &'a Bucket,
    open: BTreeMap<OutputId, (ObjectKey, Box<dyn Upload>)>,
    written: Vec<(OutputId, Written)>,
}

impl<'a> Uploads<'a> {
    pub(super) fn new(objects: &'a dyn ObjectStore, bucket: &'a Bucket) -> Self {
        Self {
            objects,
            bucket,
            open: BTreeMap::new(),
            written: Vec::new(),
        }
    }

    /// Hands over what the engine wrote. `key` names the object of an output that begins.
    pub(super) async fn take(
        &mut self,
        blocks: &mut Blocks,
        key: impl Fn(OutputId) -> ObjectKey,
    ) -> Result<(), AppError> {
        let ended = std::mem::take(&mut blocks.ended);
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
        for output in ended {
            self.end(output).await?;
        }
        Ok(())
    }

    /// Makes one object appear.
    async fn end(&mut self, output: OutputId) -> Result<(), AppError> {
        let Some((key, upload)) = self.open.remove(&output) else {
            return Ok(());
        };
        let object = upload.finish().await?;
        let written = Written {
            key,
            size_bytes: object.size_bytes,
            etag: object.etag,
        };
        self.written.push((output, written));
        Ok(())
    }

    /// Makes every object appear, in the order of the outputs.
    pub(super) async fn finish(mut self) -> Result<Vec<(OutputId, Written)>, AppError> {
        while let Some(output) = self.open.keys().next().copied() {
            if let Err(error) = self.end(output).await {
                self.abort().await;
                return Err(error);
            }
        }
        self.written.sort_by_key(|(output, _)| *output);
        Ok(self.written)
    }

    /// Gives up on all that is open, and takes back what has appeared. That something may stay is harmless in the work folder,
    /// where the next try writes the same keys; it is told all the same.
    pub(super) async fn abort(self) {
        for (_, upload) in self.open.into_values() {
            upload.abort().await;
        }
        for (_, Written { key, .. }) in self.written {
            if let Err(error) = self.objects.delete_work(self.bucket, &key).await {
                tracing::warn!(object.key = %key, "a part of a pass that failed was left behind: {error}");
            }
        }
    }
}
