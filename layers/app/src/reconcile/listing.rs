//! Objects in the watched prefixes that no event announced.
//!
//! A listing goes through a prefix page by page, over as many runs as it takes, and puts a load on the ledger for each object
//! that the ledger does not account for. It works on none of them: the load is carried on like any that stands still, by
//! this run or the next.
//!
//! The races, all of them settled in the store under a lock on the key. An object whose event is being processed has a load and
//! is accounted for. An event that comes after the listing takes the listing's load over instead of making a second one. Two
//! listings make the same load, since its id comes from the object and from when it was written.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use longshore_domain::disposition::Disposition;
use longshore_domain::load::LoadId;
use longshore_domain::object::{Object, ObjectKey, Sequencer, WatchedPrefix};
use longshore_domain::trace::TraceId;
use longshore_store::{ComparedPage, ListedLoad, Lister, Refusal, Sighting, WantedFor};
use tracing::{info, warn};

use super::judge::{Judge, Judgement};
use super::loaded_before::LoadedBefore;
use super::{ListingReport, Reconcile, ReconcileReport, Slice};
use crate::error::with_causes;
use crate::ports::ObjectPage;
use crate::process::ignores;
use crate::{App, AppError};

/// Objects whose markers are asked for at once: with keys of any length the statement stays within what the service takes.
pub(super) const OBJECTS_AT_ONCE: usize = 50;
/// Objects that are looked at and put on the ledger at once.
const RECORDED_AT_ONCE: usize = 16;
/// The last character there is: no key in a folder comes after it.
const AFTER_ALL: char = char::MAX;
/// The first character that a key on the ledger may have: what holds U+0000 in its place comes before it.
const AFTER_NUL: char = '\u{1}';

/// An object of a page that the ledger does not account for.
pub(super) struct Found {
    pub(super) sighting: Sighting,
    pub(super) url: String,
    refusal: Option<Refusal>,
    pub(super) judgement: Judgement,
}

impl Reconcile<'_> {
    /// Goes on with the listings that are due, each as far as the run's share allows.
    pub(super) async fn list_objects(
        &self,
        slice: &Slice,
        report: &mut ReconcileReport,
    ) -> Result<(), AppError> {
        let share = slice.share(3);
        let mut pages_left = self.limits.pages;
        let mut judge = Judge::new(self.app, None);
        for watched in self.prefixes(slice) {
            if pages_left == 0 || self.is_over(&share) {
                break;
            }
            let lister = Lister {
                owner: self.actor().to_owned(),
                until: slice.ends + TimeDelta::minutes(1),
            };
            let mut listing = Listing::new(self, watched, &mut judge, None);
            if listing.run(&lister, &share, &mut pages_left).await? {
                report.listings.push(listing.report);
            }
        }
        Ok(())
    }
}

impl<'a> Reconcile<'a> {
    /// The watched prefixes. Each minute another one comes first, so that a huge one keeps none of the others waiting.
    fn prefixes(&self, slice: &Slice) -> impl Iterator<Item = &'a WatchedPrefix> {
        let watched = &self.app.config.watched;
        let minute = usize::try_from(slice.began.timestamp() / 60).unwrap_or_default();
        let first = minute.checked_rem(watched.len()).unwrap_or_default();
        watched.iter().cycle().skip(first).take(watched.len())
    }
}

/// How many objects of a page have keys that the ledger cannot hold, and what is said of them. It stands for all of the page, so
/// that a folder of nothing else fills no log.
pub(super) fn unreadable(page: &ObjectPage) -> Option<(u64, String)> {
    let mut keys = page.objects.iter().map(|object| &object.key);
    let first = keys.by_ref().find(|key| !key.is_storable())?;
    let count = 1 + keys.filter(|key| !key.is_storable()).count() as u64;
    let told = format!(
        "{count} objects whose keys hold U+0000, which the ledger cannot, such as {:?}; rename them",
        first.as_str()
    );
    Some((count, told))
}

/// Past all keys that begin as this one does before its U+0000.
fn beyond_nul(key: &ObjectKey) -> ObjectKey {
    let beginning = key.as_str().split('\0').next().unwrap_or_default();
    ObjectKey::new(format!("{beginning}{AFTER_NUL}"))
}

/// One prefix's listing within one run.
pub(super) struct Listing<'run, 'app> {
    reconcile: &'run Reconcile<'app>,
    watched: &'run WatchedPrefix,
    judge: &'run mut Judge<'app>,
    /// The rule on whose behalf it is done; none when it stands in for the events that did not come.
    wanted: Option<WantedFor>,
    report: ListingReport,
}

impl<'run, 'app> Listing<'run, 'app> {
    pub(super) fn new(
        reconcile: &'run Reconcile<'app>,
        watched: &'run WatchedPrefix,
        judge: &'run mut Judge<'app>,
        wanted: Option<WantedFor>,
    ) -> Self {
        Self {
            reconcile,
            watched,
            judge,
            wanted,
            report: ListingReport {
                prefix: watched.to_string(),
                ..ListingReport::default()
            },
        }
    }

    pub(super) fn app(&self) -> &'app App {
        self.reconcile.app
    }

    /// Lists from where the last run stopped; false when nothing is due. A listing that breaks off is tried again later, from
    /// the same page.
    async fn run(&mut self, lister: &Lister, slice: &Slice, pages_left: &mut u32) -> Result<bool, AppError> {
        let store = &self.reconcile.app.store;
        let reconcile = self.reconcile;
        let due_before = reconcile.due_before(slice, reconcile.limits.list_every);
        let taken = store
            .take_listing(self.watched, lister, self.now(), due_before)
            .await?;
        let Some(resume_after) = taken else {
            return Ok(false);
        };
        // A page that the control database refuses is this listing's failure, like one that S3 does not give: the listing is let
        // go, and the others have their turn. That the database is away shows when it is let go.
        let listed = self.pages(lister, resume_after, slice, pages_left).await;
        let error = listed.err().map(|error| with_causes(&error));
        if let Some(error) = &error {
            warn!("could not list {}: {error}", self.watched);
            self.report.errors.push(error.clone());
        }
        store
            .release_listing(self.watched, lister, error.as_deref(), self.now())
            .await?;
        Ok(true)
    }

    async fn pages(
        &mut self,
        lister: &Lister,
        mut after: Option<ObjectKey>,
        slice: &Slice,
        pages_left: &mut u32,
    ) -> Result<(), AppError> {
        while *pages_left > 0 && !self.reconcile.is_over(slice) {
            *pages_left -= 1;
            let objects = &self.reconcile.app.objects;
            let mut page = objects.list(self.watched, after.as_ref()).await?;
            after = self.next_after(&mut page);
            self.note_unreadable(&page);
            let announced = self.announce(&page).await?;
            let compared = ComparedPage {
                resume_after: after.as_ref(),
                seen: page.objects.len() as u64,
                announced,
            };
            self.report.seen += compared.seen;
            self.report.announced += announced;
            let store = &self.reconcile.app.store;
            let is_ours = store
                .advance_listing(self.watched, lister, compared, self.now())
                .await?;
            self.report.is_through = after.is_none();
            if !is_ours || after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Where the next page begins. A folder of ours, which may hold millions of files, is passed over whole. The place is kept in
    /// the database, so it is one that the database takes; what the page has after it is left to the next page.
    pub(super) fn next_after(&self, page: &mut ObjectPage) -> Option<ObjectKey> {
        if page.is_last {
            return None;
        }
        let Some(last) = page.objects.iter().rposition(|object| object.key.is_storable()) else {
            return page.objects.last().map(|object| beyond_nul(&object.key));
        };
        page.objects.truncate(last + 1);
        let last = &page.objects.last()?.key;
        let config = &self.reconcile.app.config;
        let ours = [&config.archive_folder, &config.processing_folder]
            .into_iter()
            .find(|folder| last.is_in_folder(folder));
        Some(match ours {
            Some(folder) => ObjectKey::new(format!("{}/{AFTER_ALL}", folder.trim_matches('/'))),
            None => last.clone(),
        })
    }

    fn note_unreadable(&mut self, page: &ObjectPage) {
        if let Some((count, told)) = unreadable(page) {
            warn!("passed over in {}: {told}", self.watched);
            self.report.unreadable += count;
        }
    }

    /// Puts what the ledger does not account for on it. Gives how many objects that were.
    async fn announce(&mut self, page: &ObjectPage) -> Result<u64, AppError> {
        let sightings = self.sightings(page);
        let mut announced = 0;
        let found = self.unaccounted(&sightings).await?;
        for some in found.chunks(OBJECTS_AT_ONCE) {
            let markers = self.loaded_before(some).await?;
            self.note_unanswered(&markers);
            for (found, recorded) in self.record_all(some, &markers).await {
                match recorded {
                    Ok(made) => {
                        announced += u64::from(made);
                        self.report.tried_again += u64::from(made && found.refusal.is_some());
                    }
                    // Without an answer none of the others would get one either.
                    Err(error) if error.disposition() == Disposition::Retry => return Err(error),
                    Err(error) => {
                        warn!(
                            "could not look at {}: {}",
                            found.sighting.key,
                            with_causes(&error)
                        );
                        self.report.errors.push(with_causes(&error));
                    }
                }
            }
        }
        Ok(announced)
    }

    /// Of a target that gives no answer the objects are left for the next listing, and it is asked no more in this run: it keeps those of
    /// others waiting no longer than one look.
    fn note_unanswered(&mut self, markers: &LoadedBefore) {
        for (target, error) in &markers.unanswered {
            warn!("could not look at the markers of {}: {error}", target.table);
            self.judge.give_up(target.clone());
            self.report
                .errors
                .push(format!("the markers of {}: {error}", target.table));
        }
    }

    /// The files among the objects that are old enough for their events to have come.
    fn sightings(&self, page: &ObjectPage) -> Vec<Sighting> {
        let config = &self.reconcile.app.config;
        let newest = self.now() - self.reconcile.limits.unannounced_after;
        page.objects
            .iter()
            .filter(|object| ignores(config, &object.key).is_none() && object.modified_at <= newest)
            .map(|object| Sighting {
                key: object.key.clone(),
                etag: object.etag.clone(),
                modified_at: object.modified_at,
            })
            .collect()
    }

    /// What is to be loaded among them. A file that was refused and left where it is counts once its rules would take it.
    pub(super) async fn unaccounted(&mut self, sightings: &[Sighting]) -> Result<Vec<Found>, AppError> {
        let store = &self.reconcile.app.store;
        let bucket = &self.watched.bucket;
        let unaccounted = store
            .compare_listed(bucket, sightings, self.wanted.as_ref())
            .await?;
        let mut found = Vec::new();
        for unaccounted in unaccounted {
            let Some(sighting) = sightings.get(unaccounted.place) else {
                continue;
            };
            let judgement = self.judge.judge(bucket, &sighting.key).await?;
            let is_left = match (&judgement.target, &unaccounted.refusal) {
                (Some(target), _) if self.judge.has_given_up(target) => true,
                (_, Some(refusal)) => !self.is_mended(refusal, &judgement).await?,
                (_, None) => false,
            };
            if is_left {
                continue;
            }
            found.push(Found {
                sighting: sighting.clone(),
                url: format!("s3://{}/{}", self.watched.bucket, sighting.key),
                refusal: unaccounted.refusal,
                judgement,
            });
        }
        Ok(found)
    }

    /// Whether a refused file would be taken now. A further try that was refused too waits until the rules change again, so
    /// that nobody is told the same twice.
    async fn is_mended(&mut self, refusal: &Refusal, judgement: &Judgement) -> Result<bool, AppError> {
        if !judgement.is_accepted || refusal.rules_seen.as_ref() == Some(&judgement.fingerprint) {
            return Ok(false);
        }
        let Some(target) = &judgement.target else {
            return Ok(true);
        };
        match self.judge.has_table(target).await {
            Err(AppError::Warehouse(error)) => {
                self.report
                    .errors
                    .push(format!("{}: {}", target.table, with_causes(&error)));
                self.judge.give_up(target.clone());
                Ok(false)
            }
            looked => looked,
        }
    }

    /// The object with its version, unless it is gone or was replaced since the page was made: then its own event is on its
    /// way.
    async fn look(&self, sighting: &Sighting) -> Result<Option<Object>, AppError> {
        let bucket = &self.watched.bucket;
        let objects = &self.reconcile.app.objects;
        let Some(head) = objects.head(bucket, &sighting.key).await? else {
            return Ok(None);
        };
        let is_same = head.etag == sighting.etag && head.modified_at == Some(sighting.modified_at);
        Ok(is_same.then(|| Object {
            bucket: bucket.clone(),
            key: sighting.key.clone(),
            version: head.version,
            etag: head.etag,
            size_bytes: head.size_bytes,
            sequencer: None,
        }))
    }

    /// Puts loads for several objects on the ledger, some at once: each is looked at in S3, and those answers are what takes time.
    /// Gives whether each was put there, in the order of the objects; those whose target gave no answer are left out.
    pub(super) async fn record_all<'found>(
        &self,
        found: &'found [Found],
        markers: &LoadedBefore,
    ) -> Vec<(&'found Found, Result<bool, AppError>)> {
        let loaded = &markers.loaded;
        stream::iter(found.iter().filter(|found| markers.has_answer_for(found)))
            .map(|found| async move { (found, self.record(found, loaded).await) })
            .buffered(RECORDED_AT_ONCE)
            .collect()
            .await
    }

    /// Puts a load for the object on the ledger, if it lies there still. Times of writing are whole seconds, so an object that
    /// was written again in the second of an earlier one, which is loaded and gone by now, would have its load: it gets one of
    /// its own.
    async fn record(&self, found: &Found, loaded: &HashMap<String, LoadId>) -> Result<bool, AppError> {
        let mut earlier = found.refusal.as_ref().map(|refusal| refusal.load);
        loop {
            let seen_at = self.now();
            let Some(object) = self.look(&found.sighting).await? else {
                return Ok(false);
            };
            let listed = self.listed_load(found, object, seen_at, earlier, loaded);
            let store = &self.reconcile.app.store;
            let recorded = store
                .record_listed(&listed, self.reconcile.actor(), self.now())
                .await?;
            if let Some(trace) = recorded {
                self.tell(found, &listed, &trace, loaded);
                return Ok(true);
            }
            if earlier == Some(listed.id) || !self.is_put_away(listed.id).await? {
                return Ok(false);
            }
            earlier = Some(listed.id);
        }
    }

    async fn is_put_away(&self, load: LoadId) -> Result<bool, AppError> {
        let load = self.reconcile.app.store.load(load).await?;
        Ok(load.is_some_and(|load| load.finished_at.is_some() && load.archived_key.is_some()))
    }

    fn tell(&self, found: &Found, listed: &ListedLoad, trace: &TraceId, loaded: &HashMap<String, LoadId>) {
        let url = &found.url;
        info!(load.id = %listed.id, trace.id = %trace, object.key = %listed.object.key, "found {url}, which no event had announced");
        if loaded.contains_key(url) {
            warn!(load.id = %listed.id, trace.id = %trace, "the warehouse holds {url} already, which the ledger did not know");
        }
    }

    /// The load that an object found by listing gets, told apart from an earlier load of an object that reads the same.
    fn listed_load(
        &self,
        found: &Found,
        object: Object,
        seen_at: DateTime<Utc>,
        earlier: Option<LoadId>,
        loaded: &HashMap<String, LoadId>,
    ) -> ListedLoad {
        let modified_at = found.sighting.modified_at;
        let sequencer = match &self.wanted {
            None => Sequencer::listed(modified_at),
            Some(wanted) => Sequencer::listed_for(modified_at, wanted.rule),
        };
        let sequencer = match earlier {
            None => sequencer,
            Some(earlier) => sequencer.after(earlier),
        };
        let object = Object {
            sequencer: Some(sequencer),
            ..object
        };
        let known = loaded.get(&found.url).copied();
        ListedLoad {
            id: known.unwrap_or_else(|| LoadId::of(&object)),
            object,
            modified_at,
            seen_at,
            retried_under: found
                .refusal
                .as_ref()
                .map(|_| found.judgement.fingerprint.clone()),
            wanted: self.wanted.clone(),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.reconcile.app.clock.now()
    }
}
