//! Objects that are whole and do not show yet: all of them appear, or none stays.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use futures_util::stream::{StreamExt as _, iter};
use longshore_domain::object::{Bucket, ObjectKey, s3_url};

use super::pass::Written;
use crate::AppError;
use crate::ports::{ObjectStore, ObjectStoreError, PendingObject};

/// Objects that appear, or are given up, at once. What is not sent of them yet is in memory already, and the store bounds what is on
/// its way.
const AT_ONCE: usize = 16;

/// Comes true when the preparation is not wanted any more.
pub(super) type StopSignal<'a> = Shared<BoxFuture<'a, ()>>;

/// Objects of one preparation, each with what it is known by.
pub(super) struct Pending<'a, Tag> {
    objects: &'a dyn ObjectStore,
    bucket: &'a Bucket,
    whole: Vec<(Tag, ObjectKey, Box<dyn PendingObject>)>,
}

/// What became of one.
enum End<Tag> {
    There(Tag, Written),
    /// It was given up: another one had failed, or all are not wanted any more.
    Absent,
    Failed(ObjectKey, ObjectStoreError),
}

impl<'a, Tag> Pending<'a, Tag> {
    pub(super) fn new(objects: &'a dyn ObjectStore, bucket: &'a Bucket) -> Self {
        Self {
            objects,
            bucket,
            whole: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, tag: Tag, key: ObjectKey, object: Box<dyn PendingObject>) {
        self.whole.push((tag, key, object));
    }

    /// Gives up on all of them.
    pub(super) async fn abort(self) {
        let aborts = iter(self.whole).map(|(_, _, object)| object.abort());
        aborts.buffer_unordered(AT_ONCE).collect().await
    }

    /// Makes all of them appear, in the order in which they came here. What appeared of those that could not all do so is deleted; what
    /// stays all the same is told with the error, because nobody else knows of it.
    pub(super) async fn appear(self, stop: &StopSignal<'_>) -> Result<Vec<(Tag, Written)>, AppError> {
        let Self {
            objects,
            bucket,
            whole,
        } = self;
        let is_over = AtomicBool::new(false);
        let ends = iter(whole).map(|(tag, key, object)| {
            let is_over = &is_over;
            async move {
                // Before a call and not within it: nobody knows of one that is given up whether its object came up.
                if is_over.load(Ordering::Relaxed) || stop.clone().now_or_never().is_some() {
                    is_over.store(true, Ordering::Relaxed);
                    object.abort().await;
                    return End::Absent;
                }
                match object.appear().await {
                    Ok(object) => {
                        let written = Written {
                            key,
                            size_bytes: object.size_bytes,
                            etag: object.etag,
                        };
                        End::There(tag, written)
                    }
                    Err(error) => {
                        is_over.store(true, Ordering::Relaxed);
                        End::Failed(key, error)
                    }
                }
            }
        });
        // All of them are awaited, whatever became of the others.
        let ends: Vec<_> = ends.buffered(AT_ONCE).collect().await;
        let mut there = Vec::with_capacity(ends.len());
        let mut failed = Vec::new();
        for end in ends {
            match end {
                End::There(tag, written) => there.push((tag, written)),
                End::Failed(key, error) => failed.push((key, error)),
                End::Absent => {}
            }
        }
        match is_over.into_inner() {
            false => Ok(there),
            true => Err(take_back(objects, bucket, there, failed).await),
        }
    }
}

/// Deletes what appeared; gives why, with what stays.
async fn take_back<Tag>(
    objects: &dyn ObjectStore,
    bucket: &Bucket,
    there: Vec<(Tag, Written)>,
    failed: Vec<(ObjectKey, ObjectStoreError)>,
) -> AppError {
    let mut left = Vec::new();
    for (_, Written { key, .. }) in there {
        if let Err(error) = objects.delete_work(bucket, &key).await {
            tracing::warn!(object.key = %key, "a part of a preparation that failed was left behind: {error}");
            left.push(format!("{} could not be deleted and stays", s3_url(bucket, &key)));
        }
    }
    let is_unsettled = |error: &ObjectStoreError| matches!(error, ObjectStoreError::Unsettled { .. });
    let unsettled = failed.iter().filter(|(_, error)| is_unsettled(error));
    left.extend(unsettled.map(|(key, _)| format!("{} may be there", s3_url(bucket, key))));
    let first = failed.into_iter().next();
    let why = first.map_or(AppError::Stopped, |(_, error)| error.into());
    match left.is_empty() {
        true => why,
        false => AppError::LeftBehind {
            left: left.join("; "),
            source: Box::new(why),
        },
    }
}
