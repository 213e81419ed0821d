//! A load: the journey of one object under one rule, and the states it passes through.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::object::{Object, Sequencer};

/// Identifies a load, everywhere: ledger, marker, statement name, prepared copies, messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoadId(Uuid);

impl LoadId {
    /// The id of an object's load: the same whenever the same object is announced. So the marker in the warehouse knows a
    /// load even when the ledger was lost, or restored to a time before it.
    pub fn of(object: &Object) -> Self {
        let version = object
            .version
            .as_deref()
            .or(object.etag.as_deref())
            .unwrap_or_default();
        let sequencer = object
            .sequencer
            .as_ref()
            .map(Sequencer::as_str)
            .unwrap_or_default();
        let name = [object.bucket.as_str(), object.key.as_str(), version, sequencer].join("\n");
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    /// Wraps a stored id.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads an id as it is written.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }

    /// The bare id.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// The id of the child that holds the records of `record_type`: the same for every try at splitting this load, so
    /// that a retry claims the children it already has.
    pub fn child(&self, record_type: &str) -> Self {
        Self(Uuid::new_v5(&self.0, record_type.as_bytes()))
    }

    /// The id of the delivery of this load's file to a target: the same for every try at delivering it.
    pub fn delivery(&self, target: &str) -> Self {
        self.child(&format!("target\n{target}"))
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Where a load stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadState {
    /// The object was announced and claimed.
    Received,
    /// No rule, several rules, a rule that makes no sense, or a failed check.
    Rejected,
    /// Cut by record type; the children are loads of their own.
    Split,
    /// It goes to several warehouses; the deliveries are loads of their own, and it ends when they have.
    Delivering,
    /// A file that was loaded before, under a rule that leaves it alone then, that was replaced while it waited, or that an operator
    /// put aside.
    Skipped,
    /// Checked and, where needed, rewritten; it waits for others, or a batch carries it. What becomes of it is decided there.
    Batched,
    /// Checked and, where needed, rewritten; the manifest is there.
    Prepared,
    /// An attempt at the load transaction is on the ledger.
    Queued,
    /// The warehouse has the transaction.
    Submitted,
    /// The transaction committed.
    Loaded,
    /// The transaction failed for good.
    Failed,
    /// The follow-up SQL is with the warehouse.
    Transforming,
    /// Everything is done.
    Complete,
    /// The rows are loaded, the follow-up SQL failed.
    TransformFailed,
}

impl LoadState {
    /// Every state, in the order of a load's life.
    pub const ALL: [Self; 14] = [
        Self::Received,
        Self::Rejected,
        Self::Split,
        Self::Delivering,
        Self::Skipped,
        Self::Batched,
        Self::Prepared,
        Self::Queued,
        Self::Submitted,
        Self::Loaded,
        Self::Failed,
        Self::Transforming,
        Self::Complete,
        Self::TransformFailed,
    ];

    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Rejected => "rejected",
            Self::Split => "split",
            Self::Delivering => "delivering",
            Self::Skipped => "skipped",
            Self::Batched => "batched",
            Self::Prepared => "prepared",
            Self::Queued => "queued",
            Self::Submitted => "submitted",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
            Self::Transforming => "transforming",
            Self::Complete => "complete",
            Self::TransformFailed => "transform_failed",
        }
    }

    /// The state a stored word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The states that may follow this one. The database holds the same table as a constraint; ARCHITECTURE.md draws it.
    pub fn successors(self) -> &'static [Self] {
        match self {
            Self::Received => &[
                Self::Rejected,
                Self::Split,
                Self::Delivering,
                Self::Skipped,
                Self::Batched,
                Self::Prepared,
            ],
            Self::Delivering => &[Self::Complete, Self::Failed],
            Self::Batched => &[Self::Skipped, Self::Loaded, Self::Failed],
            // `Skipped`, and so from `Queued`: its file was replaced before anything of it was sent.
            Self::Prepared => &[Self::Queued, Self::Failed, Self::Skipped],
            // A status event may overtake the answer to the submission, hence `Loaded` and `Failed` right from here.
            Self::Queued => &[Self::Submitted, Self::Loaded, Self::Failed, Self::Skipped],
            Self::Submitted => &[Self::Loaded, Self::Queued, Self::Failed],
            Self::Loaded => &[Self::Transforming, Self::Complete],
            Self::Transforming => &[Self::Complete, Self::TransformFailed],
            // By hand: the follow-up is run again.
            Self::TransformFailed => &[Self::Transforming],
            Self::Rejected | Self::Split | Self::Skipped | Self::Failed | Self::Complete => &[],
        }
    }

    /// Whether a load may move from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        self.successors().contains(&next)
    }

    /// Whether nothing more happens to a load in this state by itself.
    pub fn is_terminal(self) -> bool {
        self.successors().is_empty() || self == Self::TransformFailed
    }
}

impl fmt::Display for LoadState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Bucket, ObjectKey};

    #[test]
    fn every_state_reads_back_from_its_word() {
        for state in LoadState::ALL {
            assert_eq!(LoadState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn every_state_is_reached_from_received() {
        let mut reached = vec![LoadState::Received];
        let mut next = 0;
        while let Some(state) = reached.get(next).copied() {
            for successor in state.successors() {
                if !reached.contains(successor) {
                    reached.push(*successor);
                }
            }
            next += 1;
        }
        for state in LoadState::ALL {
            assert!(reached.contains(&state), "{state} is unreachable");
        }
    }

    #[test]
    fn a_terminal_state_leads_nowhere_and_nothing_returns_to_received() {
        assert!(LoadState::Complete.is_terminal());
        assert!(!LoadState::Submitted.is_terminal());
        for state in LoadState::ALL {
            assert!(
                !state.may_become(LoadState::Received),
                "{state} may become received"
            );
        }
    }

    fn object(etag: &str, sequencer: &str) -> Object {
        Object {
            bucket: Bucket::new("b"),
            key: ObjectKey::new("in/A_527.txt"),
            version: None,
            etag: Some(etag.to_owned()),
            size_bytes: 1,
            sequencer: Some(Sequencer::new(sequencer)),
        }
    }

    #[test]
    fn one_object_has_one_id_and_another_version_of_it_another() {
        assert_eq!(LoadId::of(&object("e", "1")), LoadId::of(&object("e", "1")));
        assert_ne!(LoadId::of(&object("e", "1")), LoadId::of(&object("f", "1")));
        assert_ne!(LoadId::of(&object("e", "1")), LoadId::of(&object("e", "2")));
    }

    #[test]
    fn a_child_has_the_same_id_in_every_try() {
        let parent = LoadId::of(&object("e", "1"));
        assert_eq!(parent.child("HD"), parent.child("HD"));
        assert_ne!(parent.child("HD"), parent.child("DT"));
        assert_eq!(parent.delivery("a"), parent.delivery("a"));
        assert_ne!(parent.delivery("a"), parent.child("a"));
    }
}
