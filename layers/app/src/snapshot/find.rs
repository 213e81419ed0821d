//! Where a snapshot and its description lie: the file of a date, or the newest by the dates in the names.

use longshore_domain::object::{Bucket, Object, ObjectKey, WatchedPrefix, s3_url};
use longshore_domain::snapshot::{DataDate, Place, Suffix};

use super::{FoundSnapshot, SnapshotLoad, WantedDate};
use crate::AppError;
use crate::operate::Judged;
use crate::ports::ObjectHead;

/// The longest description that is read.
const MOST_DESCRIPTION_BYTES: u64 = 1 << 20;

impl SnapshotLoad<'_> {
    /// The snapshot of the date that is wanted, or the newest by the dates in the names, whenever they were written.
    ///
    /// # Errors
    /// What S3 answers.
    pub async fn find(&self) -> Result<Judged<FoundSnapshot>, AppError> {
        match self.input.date {
            WantedDate::Of(date) => self.find_of(date).await,
            WantedDate::Newest => self.find_newest(None).await,
            WantedDate::NewestSince(date) => self.find_newest(Some(date)).await,
        }
    }

    async fn find_of(&self, date: DataDate) -> Result<Judged<FoundSnapshot>, AppError> {
        let bucket = &self.input.bucket;
        let candidates = self.input.layout.candidates(date);
        for (suffix, key) in &candidates {
            if let Some(head) = self.app.objects.head(bucket, key).await? {
                let object = object(bucket, key.clone(), head);
                let suffix = *suffix;
                return Ok(Ok(FoundSnapshot { object, date, suffix }));
            }
        }
        let looked: Vec<String> = candidates.iter().map(|(_, key)| s3_url(bucket, key)).collect();
        Ok(Err(format!(
            "there is no data of {date} for {}; looked at {}",
            self.input.table,
            looked.join(", ")
        )))
    }

    /// Of keys that follow each other as their dates do, those before `since` need not be looked at.
    async fn find_newest(&self, since: Option<DataDate>) -> Result<Judged<FoundSnapshot>, AppError> {
        let place = WatchedPrefix {
            bucket: self.input.bucket.clone(),
            prefix: self.input.layout.prefix(),
        };
        let mut newest: Option<(Place, ObjectKey)> = None;
        let mut after = since.and_then(|date| self.input.layout.before(date));
        loop {
            let page = self.app.objects.list(&place, after.as_ref()).await?;
            for listed in &page.objects {
                let Some(found) = self.input.layout.read(&listed.key) else {
                    continue;
                };
                // Of one date the suffix that comes first in order counts.
                let is_newer = newest.as_ref().is_none_or(|(newest, _)| {
                    (found.date, std::cmp::Reverse(found.suffix))
                        > (newest.date, std::cmp::Reverse(newest.suffix))
                });
                if is_newer {
                    newest = Some((found, listed.key.clone()));
                }
            }
            after = page.objects.last().map(|listed| listed.key.clone());
            if page.is_last || after.is_none() {
                break;
            }
        }
        let nothing = || {
            format!(
                "there is no data for {}; looked at every key that begins with {place} for names such as {}, with one of the \
                 suffixes {} or none",
                self.input.table,
                self.input.layout.stem(DataDate::example()),
                Suffix::ALL.map(Suffix::as_str).join(" ").trim()
            )
        };
        let Some((Place { date, suffix }, key)) = newest else {
            return Ok(Err(nothing()));
        };
        match self.app.objects.head(&self.input.bucket, &key).await? {
            Some(head) => Ok(Ok(FoundSnapshot {
                object: object(&self.input.bucket, key, head),
                date,
                suffix,
            })),
            None => Ok(Err(format!(
                "{} is gone since it was listed",
                s3_url(&self.input.bucket, &key)
            ))),
        }
    }

    /// The text of a description in S3; by itself where the snapshot lies.
    ///
    /// # Errors
    /// What S3 answers.
    pub async fn read_description(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
    ) -> Result<Judged<String>, AppError> {
        let url = s3_url(bucket, key);
        let Some(head) = self.app.objects.head(bucket, key).await? else {
            return Ok(Err(format!(
                "there is no description at {url}; write one there or say {}",
                self.input
                    .asked
                    .to_say("--config", "where it is in snapshot_config")
            )));
        };
        if head.size_bytes > MOST_DESCRIPTION_BYTES {
            return Ok(Err(format!(
                "{url} has {} bytes, which is no description",
                head.size_bytes
            )));
        }
        let mut body = self.app.objects.open(&object(bucket, key.clone(), head)).await?;
        let mut bytes = vec![];
        while let Some(chunk) = futures_util::StreamExt::next(&mut body.chunks).await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(String::from_utf8(bytes).map_err(|_| format!("{url} is no UTF-8 text")))
    }
}

fn object(bucket: &Bucket, key: ObjectKey, head: ObjectHead) -> Object {
    Object {
        bucket: bucket.clone(),
        key,
        version: head.version,
        etag: head.etag,
        size_bytes: head.size_bytes,
        sequencer: None,
    }
}
