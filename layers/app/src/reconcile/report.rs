//! What a run did and found.

use longshore_domain::load::LoadId;
use longshore_domain::rule::RuleId;
use longshore_store::{BufferId, MarkerDifference, SnapshotOutcome, UnsentNotices};

/// What a run did and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReconcileReport {
    /// Batches that were due and are with the warehouse, or on their way there.
    pub batches_made: usize,
    /// Buffers of which a batch was due and could not be made, and why. A later run tries again.
    pub buffers_failed: Vec<(BufferId, String)>,
    /// Tables of snapshot rules whose time had come.
    pub snapshots: Vec<SnapshotRun>,
    /// Loads that stood still.
    pub looked_at: usize,
    /// Loads that were carried on.
    pub carried_on: Vec<LoadId>,
    /// Loads whose statement is still running, or that wait for such a load of the same content.
    pub running: Vec<LoadId>,
    /// Loads that there is nothing to be done for yet.
    pub waiting: Vec<LoadId>,
    /// Loads that somebody else was working on.
    pub elsewhere: Vec<LoadId>,
    /// Loads that could not be carried on, and why. A later run tries again.
    pub failed: Vec<(LoadId, String)>,
    /// Times of rules that were found at which too few files had come.
    pub late: usize,
    /// Such times whose files came after all.
    pub arrived_late: usize,
    /// Messages that were sent late.
    pub notices_sent: usize,
    /// Messages that could not be sent.
    pub notices_failed: usize,
    /// Topics that messages wait for, and why.
    pub unsent: Vec<UnsentNotices>,
    /// What the listings of watched prefixes found.
    pub listings: Vec<ListingReport>,
    /// What the comparisons of ledger and markers covered.
    pub comparisons: Vec<ComparisonReport>,
    /// Where the ledger and the markers differ, whenever that was found, until it is settled.
    pub differences: Vec<MarkerDifference>,
}

/// What came of a table of a snapshot rule whose time had come. Why one failed is told to whoever is told of its loads.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotRun {
    /// The rule.
    pub rule: RuleId,
    /// The table's name.
    pub table: String,
    /// What came of it.
    pub outcome: SnapshotOutcome,
    /// The load that was started.
    pub load: Option<LoadId>,
    /// Why not.
    pub error: Option<String>,
}

/// What a listing found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ListingReport {
    /// `s3://bucket/prefix`.
    pub prefix: String,
    /// Objects seen.
    pub seen: u64,
    /// Objects that no event had announced and that are on the ledger now.
    pub announced: u64,
    /// Files among them that were refused before and are tried again, because their rules are mended.
    pub tried_again: u64,
    /// Objects seen whose keys hold U+0000, which the ledger cannot. They are passed over until they are renamed.
    pub unreadable: u64,
    /// Whether the last object was reached.
    pub is_through: bool,
    /// Objects that could not be looked at, and why; or why the listing broke off. It goes on later from there.
    pub errors: Vec<String>,
}

/// What a comparison covered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ComparisonReport {
    /// The warehouse.
    pub warehouse: String,
    /// The table.
    pub table: String,
    /// Markers and loads compared.
    pub compared: usize,
    /// Whether the last marker was reached.
    pub is_through: bool,
    /// Why it broke off.
    pub error: Option<String>,
}

impl ReconcileReport {
    /// Objects that were put on the ledger.
    pub fn announced(&self) -> u64 {
        self.listings.iter().map(|listing| listing.announced).sum()
    }

    /// Whether a further run has anything to go on with.
    pub fn moved_something(&self) -> bool {
        let listed = self
            .listings
            .iter()
            .any(|listing| listing.announced > 0 || (!listing.is_through && listing.errors.is_empty()));
        let compared = self
            .comparisons
            .iter()
            .any(|comparison| comparison.error.is_none());
        let started = self.snapshots.iter().any(|run| run.load.is_some());
        started
            || !self.carried_on.is_empty()
            || self.batches_made > 0
            || self.notices_sent > 0
            || listed
            || compared
    }

    /// Whether everything that was tried worked. A difference is a finding, not a failure.
    pub fn is_well(&self) -> bool {
        self.failed.is_empty()
            && self.buffers_failed.is_empty()
            && self.notices_failed == 0
            && self.listings.iter().all(|listing| listing.errors.is_empty())
            && self
                .comparisons
                .iter()
                .all(|comparison| comparison.error.is_none())
    }

    /// Takes up what a further run did. What both found counts once, as the later one saw it.
    pub fn add(&mut self, later: Self) {
        self.batches_made += later.batches_made;
        self.snapshots.extend(later.snapshots);
        self.buffers_failed = later.buffers_failed;
        self.looked_at += later.looked_at;
        for load in later.carried_on {
            if !self.carried_on.contains(&load) {
                self.carried_on.push(load);
            }
        }
        self.running = later.running;
        self.waiting = later.waiting;
        self.elsewhere = later.elsewhere;
        self.failed = later.failed;
        self.late += later.late;
        self.arrived_late += later.arrived_late;
        self.notices_sent += later.notices_sent;
        self.notices_failed = self.notices_failed.max(later.notices_failed);
        self.unsent = later.unsent;
        later
            .listings
            .into_iter()
            .for_each(|listing| self.add_listing(listing));
        later
            .comparisons
            .into_iter()
            .for_each(|comparison| self.add_comparison(comparison));
        self.differences = later.differences;
    }

    fn add_listing(&mut self, later: ListingReport) {
        let known = self
            .listings
            .iter_mut()
            .find(|listing| listing.prefix == later.prefix);
        match known {
            None => self.listings.push(later),
            Some(known) => {
                known.seen += later.seen;
                known.announced += later.announced;
                known.tried_again += later.tried_again;
                known.unreadable += later.unreadable;
                known.is_through = later.is_through;
                known.errors.extend(later.errors);
            }
        }
    }

    fn add_comparison(&mut self, later: ComparisonReport) {
        let known = self.comparisons.iter_mut().find(|comparison| {
            (&comparison.warehouse, &comparison.table) == (&later.warehouse, &later.table)
        });
        match known {
            None => self.comparisons.push(later),
            Some(known) => {
                known.compared += later.compared;
                known.is_through = later.is_through;
                known.error = later.error;
            }
        }
    }
}
