//! Files of one rule that lie in a bucket and were never loaded: what was there before the rule, or while nobody listened.
//!
//! An operator asks for it, once, of any prefix, watched or not. What is found is put on the ledger as a listing puts it there,
//! so what is said in `listing` about races and restored ledgers holds here too: an event that comes at the same time and the
//! backfill make one load, and doing it again finds only what is missing still.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use longshore_domain::disposition::Disposition;
use longshore_domain::matching::queue_of;
use longshore_domain::object::{ObjectKey, WatchedPrefix};
use longshore_domain::rule::{FileRule, FileType, RuleId};
use longshore_store::{Sighting, WantedFor};

use super::judge::Judge;
use super::listing::{Found, Listing, OBJECTS_AT_ONCE, unreadable};
use super::{LAST_SECONDS, Reconcile, ReconcileLimits};
use crate::error::with_causes;
use crate::ports::{ListedObject, ObjectPage};
use crate::process::ignores;
use crate::{App, AppError, Invocation, Judged};

/// Keys that a report names.
const KEYS_NAMED: usize = 10;

/// Which files, and how many.
#[derive(Debug, Clone)]
pub struct Backfill {
    /// The rule that they fall under.
    pub rule: RuleId,
    /// Where they lie.
    pub place: WatchedPrefix,
    /// Only what was written at this time or later.
    pub since: DateTime<Utc>,
    /// Only what was written before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only files whose names end with this.
    pub file_type: Option<FileType>,
    /// At most so many.
    pub limit: u64,
    /// Why, in the words of who asks for it.
    pub why: String,
}

/// Whether what is found is also put on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackfillMode {
    /// It is only looked for.
    Look,
    /// It is put on the ledger, and the reconciler loads it.
    Record,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct BackfillReport {
    /// Objects seen, of any rule and age.
    pub seen: u64,
    /// Files of the rule that were never loaded.
    pub missing: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first of their keys.
    pub first_keys: Vec<ObjectKey>,
    /// How many of them were put on the ledger.
    pub recorded: u64,
    /// Whether the last object was reached; if not, there are more than the limit, or there was no time left for them. Doing it
    /// again goes on with what is missing.
    pub is_through: bool,
    /// Files that could not be looked at, and why.
    pub errors: Vec<String>,
}

impl Backfill {
    /// Looks for the files, or says why the rule can have none.
    ///
    /// # Errors
    /// What S3, the control database or the warehouse answer. What was recorded by then stays.
    pub async fn run(
        &self,
        app: &App,
        invocation: &Invocation,
        mode: BackfillMode,
    ) -> Result<Judged<BackfillReport>, AppError> {
        let Some(row) = app.store.rule(self.rule).await? else {
            return Ok(Err(format!(
                "there is no rule {} in operation; see: longshore rule list",
                self.rule
            )));
        };
        if let Err(faults) = FileRule::from_row(&row) {
            return Ok(Err(format!("{faults}; mend it first")));
        }
        let reconcile = Reconcile {
            app,
            invocation,
            limits: ReconcileLimits::default(),
        };
        // What a rule takes from a queue is not told by the key: whoever names such a rule says that the files below the
        // prefix are of that queue.
        let queue = queue_of(&row).ok().flatten();
        let mut judge = Judge::new(app, queue.clone());
        let wanted = WantedFor {
            rule: self.rule,
            queue,
            why: self.why.clone(),
        };
        let listing = Listing::new(&reconcile, &self.place, &mut judge, Some(wanted));
        let mut pass = Pass {
            backfill: self,
            listing,
            mode,
            ends: invocation.deadline - LAST_SECONDS,
            stopped: false,
            report: BackfillReport::default(),
        };
        pass.run().await?;
        Ok(Ok(pass.report))
    }

    fn wants(&self, object: &ListedObject) -> bool {
        let modified_at = object.modified_at;
        let file_type = self.file_type.as_ref();
        let is_named = file_type.is_none_or(|file_type| file_type.takes(&object.key));
        is_named && modified_at >= self.since && self.until.is_none_or(|until| modified_at < until)
    }
}

/// One pass through the prefix.
struct Pass<'run, 'app> {
    backfill: &'run Backfill,
    listing: Listing<'run, 'app>,
    mode: BackfillMode,
    /// Nothing is begun after this.
    ends: DateTime<Utc>,
    /// Whether the time was over before all of it was done.
    stopped: bool,
    report: BackfillReport,
}

impl Pass<'_, '_> {
    async fn run(&mut self) -> Result<(), AppError> {
        let app = self.listing.app();
        let mut after: Option<ObjectKey> = None;
        loop {
            let mut page = app.objects.list(&self.backfill.place, after.as_ref()).await?;
            after = self.listing.next_after(&mut page);
            self.report.seen += page.objects.len() as u64;
            self.report.errors.extend(unreadable(&page).map(|(_, told)| told));
            let is_full = self.look_through(&page).await?;
            self.report.is_through = after.is_none() && !is_full && !self.stopped;
            if after.is_none() || is_full || self.has_no_time() {
                return Ok(());
            }
        }
    }

    fn has_no_time(&mut self) -> bool {
        self.stopped |= self.listing.app().clock.now() >= self.ends;
        self.stopped
    }

    /// Whether there are more of them than are asked for.
    async fn look_through(&mut self, page: &ObjectPage) -> Result<bool, AppError> {
        let config = &self.listing.app().config;
        let wanted = page
            .objects
            .iter()
            .filter(|object| ignores(config, &object.key).is_none() && self.backfill.wants(object));
        let mut sizes = HashMap::new();
        let mut sightings = Vec::new();
        for object in wanted {
            sizes.insert(object.key.clone(), object.size_bytes);
            sightings.push(Sighting {
                key: object.key.clone(),
                etag: object.etag.clone(),
                modified_at: object.modified_at,
            });
        }
        let mut found = self.listing.unaccounted(&sightings).await?;
        found.retain(|found| found.judgement.rule == Some(self.backfill.rule));
        let left = self.backfill.limit - self.report.missing;
        let is_full = found.len() as u64 > left;
        found.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        for found in &found {
            let key = &found.sighting.key;
            self.report.missing += 1;
            self.report.bytes += sizes.get(key).copied().unwrap_or_default();
            if self.report.first_keys.len() < KEYS_NAMED {
                self.report.first_keys.push(key.clone());
            }
        }
        if self.mode == BackfillMode::Record {
            self.record(&found).await?;
        }
        Ok(is_full)
    }

    async fn record(&mut self, found: &[Found]) -> Result<(), AppError> {
        for some in found.chunks(OBJECTS_AT_ONCE) {
            if self.has_no_time() {
                return Ok(());
            }
            let markers = self.listing.loaded_before(some).await?;
            for (target, error) in &markers.unanswered {
                self.report
                    .errors
                    .push(format!("the markers of {}: {error}", target.table));
            }
            for (found, recorded) in self.listing.record_all(some, &markers).await {
                match recorded {
                    Ok(made) => self.report.recorded += u64::from(made),
                    // Without an answer none of the others would get one either.
                    Err(error) if error.disposition() == Disposition::Retry => return Err(error),
                    Err(error) => self
                        .report
                        .errors
                        .push(format!("{}: {}", found.url, with_causes(&error))),
                }
            }
        }
        Ok(())
    }
}
