//! A Data API call: its opaque name, its token, and the steps of the load transaction.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::load::LoadId;
use crate::trace::TraceId;

/// What a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    /// The load transaction.
    Load,
    /// The transformation SQL that runs after a load.
    FollowUp,
}

impl StatementKind {
    /// The word stored in the ledger and used in the statement's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::FollowUp => "follow_up",
        }
    }

    /// The kind a stored word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Load, Self::FollowUp]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for StatementKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One try at a statement of a load. Everything else about it is looked up in the ledger: a name that carries facts
/// breaks on the first `|` in a key, and runs into the service's length limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The load it belongs to.
    pub load: LoadId,
    /// What it is for.
    pub kind: StatementKind,
    /// 1 for the first try.
    pub number: u32,
}

impl Attempt {
    /// The statement name: `<prefix>/<load>/<kind>/<number>`, and `/<trace>` where the load has one, so that the status event
    /// and the service's list of statements say it too. At most 2,048 characters by the service's model.
    pub fn statement_name(&self, prefix: &str, trace: Option<&TraceId>) -> String {
        let prefix = prefix.trim_end_matches('/');
        let name = format!("{prefix}/{}/{}/{}", self.load, self.kind, self.number);
        match trace {
            Some(trace) => format!("{name}/{trace}"),
            None => name,
        }
    }

    /// Reads a statement name back; `None` for a statement that is not ours.
    pub fn parse_statement_name(prefix: &str, name: &str) -> Option<Self> {
        let rest = name
            .strip_prefix(prefix.trim_end_matches('/'))?
            .strip_prefix('/')?;
        let mut parts = rest.split('/');
        let load = LoadId::from_uuid(Uuid::parse_str(parts.next()?).ok()?);
        let kind = StatementKind::parse(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        // Whose trace it is, the ledger says.
        let is_traced = |part| TraceId::parse(part).is_some();
        let is_ours = parts.next().is_none_or(is_traced) && parts.next().is_none();
        is_ours.then_some(Self { load, kind, number })
    }

    /// The idempotency token: the same attempt always has the same one, so that a second submission within the
    /// service's eight hours returns the first one's statement. At most 64 characters.
    pub fn client_token(&self) -> String {
        let digest = Sha256::digest(format!("{}/{}/{}", self.load, self.kind, self.number));
        digest.iter().take(24).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A step of the load transaction. The ledger keeps the steps of a statement in order, so that the number of the
/// sub-statement that failed tells the guard from the count from the COPY without reading an error text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadStep {
    /// `LOCK` on the marker table: loads of one table queue up here.
    Lock,
    /// Fails when this load's marker is there. That failure is success.
    Guard,
    /// Makes the stage table.
    Stage,
    /// `COPY` into the stage.
    Copy,
    /// Fails when the stage does not hold as many rows as we counted.
    Count,
    /// Fails when a row has no value in a key that rows are merged by.
    KeysPresent,
    /// Fails when two rows have one key and nothing says which is newer.
    KeysUnique,
    /// Fails when a row is of another period than the file's.
    Period,
    /// A statement of the rule's `pre_sql`.
    PreSql,
    /// Picks the newest row of each key.
    Newest,
    /// Drops of these the ones that are not newer than the target's.
    Outdated,
    /// Deletes the rows from the target whose place the new ones take: those that the mode says, or those of earlier loads of
    /// the same content.
    Replace,
    /// Moves the rows into the target.
    Insert,
    /// A statement of the rule's `post_sql`.
    PostSql,
    /// Writes the marker.
    Marker,
    /// The only step of a follow-up.
    FollowUp,
}

impl LoadStep {
    /// Every step, in no meaningful order.
    pub const ALL: [Self; 16] = [
        Self::Lock,
        Self::Guard,
        Self::Stage,
        Self::Copy,
        Self::Count,
        Self::KeysPresent,
        Self::KeysUnique,
        Self::Period,
        Self::PreSql,
        Self::Newest,
        Self::Outdated,
        Self::Replace,
        Self::Insert,
        Self::PostSql,
        Self::Marker,
        Self::FollowUp,
    ];

    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Guard => "guard",
            Self::Stage => "stage",
            Self::Copy => "copy",
            Self::Count => "count",
            Self::KeysPresent => "keys_present",
            Self::KeysUnique => "keys_unique",
            Self::Period => "period",
            Self::PreSql => "pre_sql",
            Self::Newest => "newest",
            Self::Outdated => "outdated",
            Self::Replace => "replace",
            Self::Insert => "insert",
            Self::PostSql => "post_sql",
            Self::Marker => "marker",
            Self::FollowUp => "follow_up",
        }
    }

    /// The step a stored word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }
}

impl fmt::Display for LoadStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32) -> Attempt {
        Attempt {
            load: LoadId::from_uuid(Uuid::from_u128(7)),
            kind: StatementKind::Load,
            number,
        }
    }

    #[test]
    fn a_statement_name_reads_back_and_carries_nothing_but_the_attempt_and_its_trace() {
        let trace = TraceId::parse("1-5759e988-bd862e3fe1be46a994272793");
        let name = attempt(2).statement_name("longshore/prod/", None);
        insta::assert_snapshot!(name, @"longshore/prod/00000000-0000-0000-0000-000000000007/load/2");
        let traced = attempt(2).statement_name("longshore/prod/", trace.as_ref());
        insta::assert_snapshot!(traced, @"longshore/prod/00000000-0000-0000-0000-000000000007/load/2/1-5759e988-bd862e3fe1be46a994272793");
        for name in [name, traced] {
            let read = Attempt::parse_statement_name("longshore/prod", &name);
            assert_eq!(read, Some(attempt(2)), "{name}");
        }
    }

    #[test]
    fn a_foreign_statement_name_is_nobodys() {
        for name in [
            "",
            "longshore",
            "longshore/x",
            "etl|a|b",
            "longshore/prod/zz/load/1",
            "other/1/load/1",
            "longshore/00000000-0000-0000-0000-000000000007/load/1/2",
            "longshore/00000000-0000-0000-0000-000000000007/load/1/1-5759e988-bd862e3fe1be46a994272793/2",
        ] {
            assert_eq!(Attempt::parse_statement_name("longshore", name), None, "{name}");
        }
    }

    #[test]
    fn a_token_is_the_same_for_one_attempt_and_another_for_the_next() {
        assert_eq!(attempt(1).client_token(), attempt(1).client_token());
        assert_ne!(attempt(1).client_token(), attempt(2).client_token());
        assert!(attempt(1).client_token().len() <= 64);
    }
}
