//! Between the engine, which writes blocks as it goes, and S3, which takes them when it can.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_preprocess::{OutputError, OutputId, Outputs};

use super::pass::Written;
use super::pending::{Pending, StopSignal};
use crate::AppError;
use crate::ports::{ObjectStore, Rest, Upload};

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

/// The uploads of one pass. Nothing appears before the file is judged and all of them are whole: what would watch the place would
/// take a part of a file that is refused for one to load.
pub(super) struct Uploads<'a> {
    objects: &'a dyn ObjectStore,
    bucket: &'a Bucket,
    stop: StopSignal<'a>,
    open: BTreeMap<OutputId, (ObjectKey, Box<dyn Upload>)>,
    pending: Pending<'a, OutputId>,
}

impl<'a> Uploads<'a> {
    pub(super) fn new(objects: &'a dyn ObjectStore, bucket: &'a Bucket, stop: StopSignal<'a>) -> Self {
        Self {
            objects,
            bucket,
            stop,
            open: BTreeMap::new(),
            pending: Pending::new(objects, bucket),
        }
    }

    /// Comes true when they are not wanted any more.
    pub(super) fn stop(&self) -> StopSignal<'a> {
        self.stop.clone()
    }

    /// Hands over what the engine wrote. `key` names the object of an output that begins. Of outputs that have ended all is sent, so that
    /// one part after the other takes no more memory than one.
    pub(super) async fn take(
        &mut self,
        blocks: &mut Blocks,
        key: impl Fn(OutputId) -> ObjectKey,
    ) -> Result<(), AppError> {
        let ended = std::mem::take(&mut blocks.ended);
        self.take_last(blocks, key).await?;
        for output in ended {
            self.seal(output, Rest::Sent).await?;
        }
        Ok(())
    }

    /// The same, when nothing comes after it.
    pub(super) async fn take_last(
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

    async fn seal(&mut self, output: OutputId, rest: Rest) -> Result<(), AppError> {
        if let Some((key, upload)) = self.open.remove(&output) {
            let whole = upload.seal(rest).await?;
            self.pending.add(output, key, whole);
        }
        Ok(())
    }

    /// Makes every object appear, or none; in the order of the outputs.
    pub(super) async fn finish(mut self) -> Result<Vec<(OutputId, Written)>, AppError> {
        while let Some(output) = self.open.keys().next().copied() {
            if let Err(error) = self.seal(output, Rest::Waits).await {
                self.abort().await;
                return Err(error);
            }
        }
        let mut written = self.pending.appear(&self.stop).await?;
        written.sort_by_key(|(output, _)| *output);
        Ok(written)
    }

    /// Gives up on all of them.
    pub(super) async fn abort(self) {
        for (_, upload) in self.open.into_values() {
            upload.abort().await;
        }
        self.pending.abort().await;
        self.objects.abandoned_is_gone().await;
    }
}
