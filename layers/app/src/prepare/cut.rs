//! Preparing a long file by ranges: it is read once, in several ranges at a time, and rewritten on the server's side, so that
//! no byte of it goes up.
//!
//! What cannot be done this way is left to a [`pass`](super::pass) over the file: compressed and transcoded files, record
//! types, blank lines among the data, and whatever is wrong in a way that only a pass can place.

use longshore_domain::load::LoadId;
use longshore_domain::object::Object;
use longshore_domain::rule::FileRule;
use longshore_preprocess::{
    Head, OutputCompression, OutputEncoding, OutputFormat, PipelineSpec, RecordCounter, Tail, Tally,
};
use longshore_store::NotedTally;

use super::counting::{Counted, count};
use super::pace::{Pace, Progress};
use super::pass::{Passed, Stop, Written};
use super::places::Places;
use super::{part_key, spec};
use crate::ports::Destination;
use crate::{App, AppError};

/// What came of it.
#[derive(Debug)]
pub(super) enum Cut {
    /// The file is checked, counted and, where COPY could not read it as it is, copied.
    Whole(CutFile),
    /// The file is refused, or there was not time enough.
    Stopped(Passed),
    /// There was not time enough, but what was counted is on the ledger.
    Noted,
    /// A pass over the file must do it.
    NotThisWay,
}

/// A file that was prepared by ranges.
#[derive(Debug)]
pub(super) struct CutFile {
    /// The fields of its header.
    pub(super) fields: Vec<String>,
    /// Its data records.
    pub(super) records: u64,
    /// The copy.
    pub(super) written: Option<Written>,
}

/// Whether a file may be cut on the server's side at all.
fn may_be_cut(app: &App, source: &Object, rule: &FileRule) -> bool {
    let is_pinned = source.etag.is_some() || source.version.is_some();
    let is_long = source.size_bytes > app.config.ranges.least_source_bytes;
    is_pinned && is_long && rule.is_record_oriented() && rule.split.is_none()
}

/// Whether what is written are bytes of the file as they lie.
pub(super) fn is_verbatim(output: &OutputFormat) -> bool {
    output.compression == OutputCompression::None && output.encoding == OutputEncoding::AsInput
}

/// Prepares a file by ranges, if it can be.
pub(super) async fn run(
    app: &App,
    pace: &Pace,
    load: LoadId,
    source: &Object,
    rule: &FileRule,
) -> Result<Cut, AppError> {
    let output = spec::output(rule);
    if !may_be_cut(app, source, rule) || output.as_ref().is_some_and(|output| !is_verbatim(output)) {
        return Ok(Cut::NotThisWay);
    }
    let spec = spec::pipeline(rule, output);
    let job = Job {
        app,
        pace,
        load,
        source,
        rule,
        spec: &spec,
    };
    let done = match RecordCounter::new(&spec) {
        Some(counter) => Box::pin(job.count_and_copy(counter)).await,
        None => Ok(Cut::NotThisWay),
    };
    match done {
        Ok(cut) => Ok(cut),
        Err(Stop::File(reason)) => Ok(Cut::Stopped(Passed::Refused(reason))),
        Err(Stop::Time(progress)) => Ok(Cut::Stopped(Passed::OutOfTime(progress))),
        Err(Stop::Us(error)) => Err(error),
    }
}

/// One file on its way.
struct Job<'a> {
    app: &'a App,
    pace: &'a Pace,
    load: LoadId,
    source: &'a Object,
    rule: &'a FileRule,
    spec: &'a PipelineSpec,
}

impl Job<'_> {
    async fn count_and_copy(&self, counter: RecordCounter) -> Result<Cut, Stop> {
        let places = Places {
            objects: self.app.objects.as_ref(),
            limits: &self.app.config.ranges,
            source: self.source,
            spec: self.spec,
        };
        let Some(head) = places.head(None).await? else {
            return Ok(Cut::NotThisWay);
        };
        let rewrites =
            self.spec.output.is_some() || (head.mark_bytes > 0 && spec::mark_reaches_copy(self.rule));
        let tail = match rewrites {
            true => match places.tail(head.data_from).await? {
                None => return Ok(Cut::NotThisWay),
                tail => tail,
            },
            false => None,
        };
        let tally = match self.count(&places, counter, &head, tail.as_ref()).await? {
            Ok(tally) => tally,
            Err(cut) => return Ok(cut),
        };
        // Of nothing there is no stretch to copy.
        if tally.records < self.spec.minimum_records.max(1) {
            return Ok(Cut::NotThisWay);
        }
        let written = match tail {
            None => None,
            // Blank lines are never written: a pass leaves them out.
            Some(tail) if !is_gapless(&tail, &tally) => return Ok(Cut::NotThisWay),
            Some(tail) => Some(self.copy(head.mark_bytes..tail.data_to).await?),
        };
        Ok(Cut::Whole(CutFile {
            fields: spec::names(self.rule, &head.header).to_vec(),
            records: tally.records,
            written,
        }))
    }

    /// Counts the data records, from where an earlier invocation stopped, and compares with the trailer.
    async fn count(
        &self,
        places: &Places<'_>,
        counter: RecordCounter,
        head: &Head,
        tail: Option<&Tail>,
    ) -> Result<Result<Tally, Cut>, Stop> {
        let trailer = tail.and_then(|tail| tail.trailer.as_ref());
        let end = trailer.map_or(self.source.size_bytes, |trailer| trailer.byte);
        let text = head.data_from..end;
        // Counts under another rule are not taken up.
        let counted_as = format!("{} {}..{}", counter.basis(), text.start, text.end);
        let store = &self.app.store;
        let noted = store
            .tally(self.load, &counted_as)
            .await
            .map_err(AppError::from)?;
        let so_far = noted.map(tally).unwrap_or_default();
        // Blank lines among the data are left out by a pass alone: to count on would be in vain.
        let has_gap = |found: &Tally| tail.is_some_and(|tail| found.blank_records > tail.blank_records);
        let must_stop = |found: &Tally| has_gap(found) || self.pace.is_over(self.app.clock.now());
        let counted = match count(places, counter, head, text, so_far, must_stop).await {
            // Quotes that are open where the last line begins: it is no trailer, or the file is wrong. A pass knows which.
            Err(Stop::File(reason)) if trailer.is_some() && reason.code() == "unbalanced_quotes" => {
                return Ok(Err(Cut::NotThisWay));
            }
            counted => counted?,
        };
        let found = match counted {
            Counted::Whole(found) => found,
            Counted::Partly(found) if has_gap(&found) => return Ok(Err(Cut::NotThisWay)),
            Counted::Partly(found) if found.bytes > so_far.bytes => {
                self.note(&counted_as, found).await?;
                return Ok(Err(Cut::Noted));
            }
            Counted::Partly(_) => {
                return Err(Stop::Time(Progress {
                    read_bytes: so_far.bytes,
                    size_bytes: self.source.size_bytes,
                    took: self.pace.took(self.app.clock.now()),
                }));
            }
        };
        if let Some(trailer) = trailer {
            trailer.verify(self.spec, 1 + head.header_lines + found.lines, found.records)?;
        }
        // A copy that fails must not cost the count of hours.
        if self.pace.is_worth_noting(self.app.clock.now()) {
            self.note(&counted_as, found).await?;
        }
        Ok(Ok(found))
    }

    async fn note(&self, counted_as: &str, found: Tally) -> Result<(), Stop> {
        let noted = NotedTally {
            counted_as: counted_as.to_owned(),
            bytes: found.bytes,
            records: found.records,
            blank_records: found.blank_records,
            lines: found.lines,
        };
        let now = self.app.clock.now();
        let noting = self.app.store.note_tally(self.load, &noted, now).await;
        Ok(noting.map_err(AppError::from)?)
    }

    async fn copy(&self, range: std::ops::Range<u64>) -> Result<Written, Stop> {
        let key = part_key(self.app, self.load, self.rule, "data");
        let to = Destination {
            bucket: &self.source.bucket,
            key: &key,
        };
        let copied = self.app.objects.copy_range(self.source, range, to).await?;
        Ok(Written {
            size_bytes: copied.size_bytes,
            etag: copied.etag,
            key,
        })
    }
}

/// Whether the data records lie one behind the other, each with its line end.
pub(super) fn is_gapless(tail: &Tail, tally: &Tally) -> bool {
    tail.ends_in_line_end && tally.blank_records == tail.blank_records
}

fn tally(noted: NotedTally) -> Tally {
    Tally {
        bytes: noted.bytes,
        records: noted.records,
        blank_records: noted.blank_records,
        lines: noted.lines,
    }
}
