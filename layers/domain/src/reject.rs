//! Why a file is not loaded: every reason with its word for machines and its sentence for people.

use serde::{Deserialize, Serialize};

use crate::load::LoadId;
use crate::rule::{RuleFaults, RuleId};

/// What happens to a rejected file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectedFile {
    /// It is moved to the error folder: its sender must mend it.
    MovesToError,
    /// It stays: the rule or its table is at fault, and once that is mended the file is loaded as it lies there.
    Stays,
}

/// Why a file is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the sentences say")]
pub enum RejectReason {
    /// No rule matches the key.
    #[error("no active rule matches the key (its token is {token:?}); see: longshore rule explain {url}")]
    NoRule { token: String, url: String },
    /// Several rules match equally.
    #[error(
        "rules {} match equally; make one of them more specific or inactive",
        list(rules)
    )]
    RuleAmbiguous { rules: Vec<RuleId> },
    /// The rule row makes no sense.
    #[error("{0}")]
    RuleInvalid(RuleFaults),
    /// A `{placeholder}` of the target's name that the key does not give.
    #[error(
        "the target name of rule {rule} has the placeholder {{{placeholder}}}, which the key does not give"
    )]
    TargetUnresolved { rule: RuleId, placeholder: String },
    /// A `{placeholder}` of the rule's period or SQL that the key does not give.
    #[error("the {column} of rule {rule} has the placeholder {{{placeholder}}}, which the key leaves blank")]
    PlaceholderUnresolved {
        rule: RuleId,
        column: String,
        placeholder: String,
    },
    /// The key gives a name that no table can have.
    #[error(
        "the key makes {name:?} the target of rule {rule}, which no table can be called; rename the file"
    )]
    TargetNameInvalid { rule: RuleId, name: String },
    /// The target is not there.
    #[error(
        "the table {table} cannot be read: {problem}; create it, then: longshore load replay ID --why TEXT (a file that still \
         lies in a watched folder is loaded by itself within half an hour)"
    )]
    TargetMissing { table: String, problem: String },
    /// The file is smaller than the deployment's threshold.
    #[error("the file has {size_bytes} bytes, fewer than threshold_file_size_bytes = {threshold_bytes}")]
    BelowThreshold { size_bytes: u64, threshold_bytes: u64 },
    /// The extension is not the rule's file type.
    #[error("the file's extension is {found:?}, the rule's file_type is {expected:?}")]
    ExtensionMismatch { expected: String, found: String },
    /// The record that is to name the columns names none.
    #[error("the header is missing: its {} names none of the columns {}", header_record(*record), expected.join(", "))]
    HeaderMissing {
        /// Which record of the file it is, from 1.
        #[serde(default = "first_record")]
        record: u32,
        expected: Vec<String>,
        #[serde(skip)]
        found: Vec<String>,
    },
    /// The header names other columns.
    #[error("the header's columns are not the rule's: {}", differences(missing, unknown))]
    HeaderDiffers {
        missing: Vec<String>,
        unknown: Vec<String>,
    },
    /// The header names the columns in another order.
    #[error(
        "the header's field {position} is {found:?}, the rule's column there is {expected:?}; \
         reorder one of them or set header_policy to names"
    )]
    HeaderReordered {
        position: usize,
        expected: String,
        found: String,
    },
    /// The bytes are at fault: trailer, count, encoding, quotes, compression, length.
    #[error("{message}")]
    Content {
        /// The engine's word for the fault.
        fault: String,
        message: String,
        /// The line it was noticed on, from 1.
        line: Option<u64>,
        /// The byte it was noticed at, from 0, in the decoded file.
        byte: Option<u64>,
    },
    /// Records of a type whose rule is missing or at fault.
    #[error("the records of type {record_type:?} cannot be loaded: {reason}")]
    RecordType { record_type: String, reason: String },
    /// One invocation after another died over the file.
    #[error(
        "{deaths} invocations died while they prepared the file; look for its load id in their logs, give the function more \
         memory or time, then: longshore load replay ID --why TEXT"
    )]
    WornOut { deaths: u32 },
    /// The file is too long for one invocation.
    #[error(
        "{invocations} invocations ran out of time over the file, the last one after {read_bytes} of its {size_bytes} bytes in \
         {seconds} s; give the function more time or more memory (which is also more CPU), then: longshore load replay ID --why TEXT"
    )]
    TooLongToPrepare {
        invocations: u32,
        read_bytes: u64,
        size_bytes: u64,
        seconds: u64,
    },
    /// The rows of an earlier load of the same content are to be replaced, and nothing tells which they are.
    #[error(
        "it was loaded before as load {earlier}, whose rows hold no load id to replace them by; delete those rows by \
         hand, then let this load happen again: longshore load replay ID --accept-duplicates --why TEXT"
    )]
    RowsNotReplaceable { earlier: LoadId },
    /// The object was gone or replaced before it was read.
    #[error("the object is gone or was replaced before it could be read")]
    ObjectGone,
}

impl RejectReason {
    /// The stable word for machines: ledger, audit, message attributes, alarms.
    pub fn code(&self) -> &str {
        match self {
            Self::NoRule { .. } => "no_rule",
            Self::RuleAmbiguous { .. } => "rule_ambiguous",
            Self::RuleInvalid(_) => "rule_invalid",
            Self::TargetUnresolved { .. } => "target_unresolved",
            Self::PlaceholderUnresolved { .. } => "placeholder_unresolved",
            Self::TargetNameInvalid { .. } => "target_name_invalid",
            Self::TargetMissing { .. } => "target_missing",
            Self::BelowThreshold { .. } => "below_threshold",
            Self::ExtensionMismatch { .. } => "extension_mismatch",
            Self::HeaderMissing { .. } => "header_missing",
            Self::HeaderDiffers { .. } => "header_differs",
            Self::HeaderReordered { .. } => "header_reordered",
            Self::Content { fault, .. } => fault,
            Self::RecordType { .. } => "record_type",
            Self::WornOut { .. } => "worn_out",
            Self::TooLongToPrepare { .. } => "too_long_to_prepare",
            Self::RowsNotReplaceable { .. } => "rows_not_replaceable",
            Self::ObjectGone => "object_gone",
        }
    }

    /// What happens to the file.
    pub fn file(&self) -> RejectedFile {
        match self {
            Self::RuleInvalid(_)
            | Self::RuleAmbiguous { .. }
            | Self::TargetUnresolved { .. }
            | Self::PlaceholderUnresolved { .. }
            | Self::TargetMissing { .. }
            | Self::ObjectGone => RejectedFile::Stays,
            Self::NoRule { .. }
            | Self::TargetNameInvalid { .. }
            | Self::BelowThreshold { .. }
            | Self::ExtensionMismatch { .. }
            | Self::HeaderMissing { .. }
            | Self::HeaderDiffers { .. }
            | Self::HeaderReordered { .. }
            | Self::Content { .. }
            | Self::WornOut { .. }
            | Self::TooLongToPrepare { .. }
            | Self::RecordType { .. }
            | Self::RowsNotReplaceable { .. } => RejectedFile::MovesToError,
        }
    }
}

fn list(rules: &[RuleId]) -> String {
    rules
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

fn first_record() -> u32 {
    1
}

fn header_record(record: u32) -> String {
    match record {
        1 => "first record".to_owned(),
        record => format!("record {record}"),
    }
}

fn differences(missing: &[String], unknown: &[String]) -> String {
    let part =
        |word: &str, names: &[String]| (!names.is_empty()).then(|| format!("{word} {}", names.join(", ")));
    [part("missing", missing), part("unknown", unknown)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_loaded_again_by_hand_is_told_with_the_whole_command() {
        let reasons = [
            RejectReason::TargetMissing {
                table: "etl.price".to_owned(),
                problem: "it does not exist".to_owned(),
            },
            RejectReason::WornOut { deaths: 10 },
            RejectReason::TooLongToPrepare {
                invocations: 5,
                read_bytes: 1,
                size_bytes: 2,
                seconds: 3,
            },
            RejectReason::RowsNotReplaceable {
                earlier: LoadId::from_uuid(Uuid::nil()),
            },
        ];
        for reason in reasons {
            let said = reason.to_string();
            assert!(
                said.contains("load replay ID") && said.contains("--why TEXT"),
                "{said}"
            );
        }
    }
}
