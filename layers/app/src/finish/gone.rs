//! Files that were taken away between their check and their COPY: they fail at once, and keep no other one from being loaded.
//!
//! COPY says that something is not there, and S3 which: its answers are those of the moment, so what it does not have now no later
//! try would find. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>

use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadId;
use longshore_domain::object::{Bucket, s3_url};
use longshore_domain::rule::OnBadFile;
use longshore_domain::statement::LoadStep;
use longshore_store::{Load, LoadFailure, Return, Source};
use tracing::warn;

use super::FinishStatement;
use super::batch::FILES_AT_ONCE;
use crate::plan::LoadPlan;
use crate::retry::FailedStatement;
use crate::{AppError, notify};

/// The stable word for it, the same as where it is found before.
pub(crate) const OBJECT_GONE: &str = "object_gone";
/// So many of the files of a batch are named.
const FILES_NAMED: usize = 10;

/// A file that COPY cannot have read.
struct Gone {
    load: LoadId,
    url: String,
}

impl FinishStatement<'_> {
    /// Ends what a COPY failed over because it is not there, and gives the rest back to where it waited. `None` when all that
    /// was to be read is there, or the failure was another.
    pub(super) async fn without_the_gone(
        &self,
        load: &Load,
        plan: &LoadPlan,
        failed: &FailedStatement<'_>,
    ) -> Result<Option<Load>, AppError> {
        if !may_be_of_the_gone(failed) {
            return Ok(None);
        }
        let gone = self.gone(load).await?;
        let files = load.batch_files.unwrap_or(1) as usize;
        if gone.is_empty() {
            return Ok(None);
        }
        if gone.len() == files || plan.on_bad_file == OnBadFile::FailAll {
            let error = told(&gone, failed.error);
            return self.failed(load.clone(), OBJECT_GONE, error).await.map(Some);
        }
        warn!(
            "{} files of batch {} are gone; the others go again without them",
            gone.len(),
            load.id
        );
        self.fail_the_gone(load, &gone, failed.error).await?;
        let back = Return {
            failure: LoadFailure {
                code: OBJECT_GONE.to_owned(),
                error: format!("the others go again: {}", told(&gone, failed.error)),
                rows_rejected: None,
            },
            share: load.batch_files.unwrap_or(1),
        };
        self.give_back(load, &back).await.map(Some)
    }

    /// Puts the failures on record, each told by itself. What is done already is not done again: until the others are given
    /// back, the event that brought us here may come again.
    async fn fail_the_gone(&self, batch: &Load, gone: &[Gone], error: &str) -> Result<(), AppError> {
        for file in gone {
            let failure = LoadFailure {
                code: OBJECT_GONE.to_owned(),
                error: told(std::slice::from_ref(file), error),
                rows_rejected: None,
            };
            let now = self.app.clock.now();
            self.app
                .store
                .mark_carried_failed(batch.id, Some(&[file.load]), &failure, now, self.actor())
                .await?;
        }
        self.conclude_carried(batch, |load| self.conclude_failed_file(load, None, true))
            .await?;
        for file in gone {
            notify::send_pending(self.app, file.load, self.actor()).await?;
        }
        Ok(())
    }

    /// What is not there of what a load reads, or of what those read that it carries.
    async fn gone(&self, load: &Load) -> Result<Vec<Gone>, AppError> {
        if !load.is_batch() {
            let url = self.first_gone(&load.object.bucket, &load.sources).await?;
            return Ok(url.map(|url| Gone { load: load.id, url }).into_iter().collect());
        }
        let carried = self.app.store.carried(load.id).await?;
        stream::iter(carried)
            .map(|id| async move {
                let load = self.reload(id).await?;
                let url = self.first_gone(&load.object.bucket, &load.sources).await?;
                Ok(url.map(|url| Gone { load: id, url }))
            })
            .buffered(FILES_AT_ONCE)
            .try_filter_map(|gone| async move { Ok(gone) })
            .try_collect()
            .await
    }

    async fn first_gone(&self, bucket: &Bucket, sources: &[Source]) -> Result<Option<String>, AppError> {
        for source in sources {
            if self.app.objects.head(bucket, &source.key).await?.is_none() {
                return Ok(Some(s3_url(bucket, &source.key)));
            }
        }
        Ok(None)
    }
}

/// COPY says in more than one way that something is not there; what it says of rows it has read.
fn may_be_of_the_gone(failed: &FailedStatement<'_>) -> bool {
    let is_in_words_for_it = match failed.fault {
        WarehouseFault::Transient | WarehouseFault::Configuration | WarehouseFault::Unknown => true,
        WarehouseFault::Data | WarehouseFault::Busy | WarehouseFault::Down | WarehouseFault::Full => false,
    };
    is_in_words_for_it && matches!(failed.step, Some(LoadStep::Copy) | None)
}

fn told(gone: &[Gone], error: &str) -> String {
    let named: Vec<&str> = gone
        .iter()
        .take(FILES_NAMED)
        .map(|file| file.url.as_str())
        .collect();
    let more = match gone.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (are, they_were, them) = match gone.len() {
        1 => ("is", "it was", "it"),
        _ => ("are", "they were", "them"),
    };
    format!(
        "{}{more} {are} gone: deleted or moved after {they_were} checked and before COPY read {them}. Send {them} again \
         ({error})",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(count: usize) -> Vec<Gone> {
        let file = |number| Gone {
            load: LoadId::from_uuid(uuid::Uuid::from_u128(number as u128)),
            url: format!("s3://b/{number}"),
        };
        (0..count).map(file).collect()
    }

    #[test]
    fn what_is_gone_is_named_up_to_a_number() {
        insta::assert_snapshot!(told(&gone(1), "E"), @"s3://b/0 is gone: deleted or moved after it was checked and before COPY read it. Send it again (E)");
        assert!(
            told(&gone(2), "E")
                .starts_with("s3://b/0, s3://b/1 are gone: deleted or moved after they were checked")
        );
        assert!(told(&gone(12), "E").contains("s3://b/9 and 2 more are gone"));
    }
}
