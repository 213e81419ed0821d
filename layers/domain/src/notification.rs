//! What people and machines are told about the outcome of a load.

mod late;
mod snapshot;

pub use late::{LateFiles, NewestFile};
pub use snapshot::FailedSnapshot;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::load::LoadId;
use crate::one_line::one_line;
use crate::rule::RuleId;
use crate::trace::TraceId;

/// SNS refuses a subject of 100 characters.
const SUBJECT_CHARACTERS: usize = 99;
/// A text message that fits into one SMS.
const SMS_CHARACTERS: usize = 140;

/// How a load came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The rows are in the warehouse.
    Loaded,
    /// The file was cut by record type; each part is a load of its own.
    Split,
    /// The file was refused before anything was sent to the warehouse.
    Rejected,
    /// The warehouse refused the load; nothing of it is there.
    Failed,
    /// The file went to several warehouses, and not all of them have all of it.
    PartlyLoaded,
    /// The rows are there, the follow-up SQL failed.
    FollowUpFailed,
    /// The warehouse failed load after load: nothing is sent there any more but a probe now and then. Of the load that
    /// met it last.
    WarehousePaused,
    /// The warehouse is back. Of the load that found it so.
    WarehouseResumed,
    /// The file was loaded before, or an operator put it aside; nothing was loaded.
    Skipped,
    /// Files of a rule did not come by the time that it says. Of a period, not of a load.
    Late,
    /// They came after all.
    ArrivedLate,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 11] = [
        Self::Loaded,
        Self::Split,
        Self::Rejected,
        Self::Failed,
        Self::PartlyLoaded,
        Self::FollowUpFailed,
        Self::Skipped,
        Self::WarehousePaused,
        Self::WarehouseResumed,
        Self::Late,
        Self::ArrivedLate,
    ];

    /// The outcome that a stored word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// The word in messages and attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Split => "split",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::PartlyLoaded => "partly_loaded",
            Self::FollowUpFailed => "follow_up_failed",
            Self::WarehousePaused => "warehouse_paused",
            Self::WarehouseResumed => "warehouse_resumed",
            Self::Skipped => "skipped",
            Self::Late => "late",
            Self::ArrivedLate => "arrived_late",
        }
    }

    /// Whether nobody has to act.
    pub fn is_success(self) -> bool {
        matches!(
            self,
            Self::Loaded | Self::Split | Self::Skipped | Self::WarehouseResumed | Self::ArrivedLate
        )
    }

    fn headline(self) -> &'static str {
        match self {
            Self::Loaded => "SUCCESS: loaded",
            Self::Split => "SUCCESS: split",
            Self::Rejected => "FAILED: rejected",
            Self::Failed => "FAILED: not loaded",
            Self::PartlyLoaded => "FAILED: not in all of its warehouses:",
            Self::FollowUpFailed => "FAILED: follow-up SQL of",
            Self::WarehousePaused => "PAUSED: the warehouse failed",
            Self::WarehouseResumed => "RESUMED: the warehouse took",
            Self::Skipped => "SKIPPED: not loaded",
            Self::Late => "LATE:",
            Self::ArrivedLate => "ARRIVED LATE:",
        }
    }
}

/// One outcome, with everything that a message about it says. Never row contents, never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReport {
    /// The load.
    pub load_id: LoadId,
    /// How it came out.
    pub outcome: Outcome,
    /// The rule, when it is known; of a set the first of its group's.
    pub rule: Option<RuleId>,
    /// The feed's id, when it is known.
    pub interface_id: Option<String>,
    /// The feed's name, when it is known.
    pub interface_name: Option<String>,
    /// The object's bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The file's name, for people.
    pub file_name: String,
    /// The record type, when the load is a part of the file.
    pub record_type: Option<String>,
    /// The target, when the load is a delivery of the file to one of several.
    pub target: Option<String>,
    /// `schema.table`, when it is known.
    pub table: Option<String>,
    /// Records counted in the file.
    pub rows_expected: Option<u64>,
    /// How many files it carried, when it is a batch: the key is then that of its manifest, which is gone when it is told of.
    pub files: Option<u32>,
    /// The keys of the first of these files.
    pub first_keys: Vec<String>,
    /// The batch: itself, when it is one, or the one that carried the file.
    pub batch_id: Option<LoadId>,
    /// Rows that the warehouse took.
    pub rows_loaded: Option<u64>,
    /// Rows that the warehouse refused and the rule let pass.
    pub rows_rejected: Option<u64>,
    /// The stable word for the error.
    pub error_code: Option<String>,
    /// What was expected and what was found.
    pub error: Option<String>,
    /// Where the file lies now.
    pub archived_key: Option<String>,
    /// Further facts worth a line, such as records of no listed type.
    pub remarks: Vec<String>,
    /// What the load is followed by in logs and traces.
    pub trace_id: Option<TraceId>,
}

/// A message ready for SNS, whose `MessageStructure` is `json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// ASCII, under 100 characters, no line breaks.
    pub subject: String,
    /// For queues and functions: JSON.
    pub default: String,
    /// For people.
    pub email: String,
    /// For people in a hurry.
    pub sms: String,
    /// What subscribers filter on.
    pub attributes: Vec<(String, String)>,
}

impl OutcomeReport {
    /// Writes the message. `custom_error_message` is the deployment's own line for failures.
    pub fn message(&self, custom_error_message: &str) -> Message {
        Message {
            subject: self.subject(),
            default: self.body_for_machines(custom_error_message),
            email: self.body_for_people(custom_error_message),
            sms: ascii(
                &format!("{} {}", self.outcome.headline(), self.file_name),
                SMS_CHARACTERS,
            ),
            attributes: self.attributes(),
        }
    }

    fn subject(&self) -> String {
        let subject = format!("Longshore {} {}", self.outcome.headline(), self.file_name);
        ascii(&subject, SUBJECT_CHARACTERS)
    }

    /// The deployment's own line, where somebody has to act.
    fn own_line<'line>(&self, custom_error_message: &'line str) -> Option<&'line str> {
        let line = custom_error_message.trim();
        (!self.outcome.is_success() && !line.is_empty()).then_some(line)
    }

    fn body_for_machines(&self, custom_error_message: &str) -> String {
        json!({
            "load_id": self.load_id,
            "status": self.outcome.as_str(),
            "success": self.outcome.is_success(),
            "rule": self.rule,
            "interface_id": self.interface_id,
            "interface_name": self.interface_name,
            "bucket": self.bucket,
            "key": self.files.is_none().then_some(&self.key),
            "file_name": self.file_name,
            "record_type": self.record_type,
            "target": self.target,
            "table": self.table,
            "files": self.files,
            "first_keys": self.first_keys,
            "batch_id": self.batch_id,
            "rows_expected": self.rows_expected,
            "rows_loaded": self.rows_loaded,
            "rows_rejected": self.rows_rejected,
            "error_code": self.error_code,
            "error": self.error,
            "custom_error_msg": self.own_line(custom_error_message),
            "archived_key": self.archived_key,
            "remarks": self.remarks,
            "trace_id": self.trace_id,
            "where_to_look": self.where_to_look(),
        })
        .to_string()
    }

    fn body_for_people(&self, custom_error_message: &str) -> String {
        let interface = match (&self.interface_name, &self.interface_id) {
            (Some(name), Some(id)) => Some(format!("{name} ({id})")),
            (_, id) => id.clone(),
        };
        let number = |value: &Option<u64>| value.map(|value| value.to_string());
        let facts = [
            self.what(),
            ("Record type", self.record_type.clone()),
            ("Target", self.target.clone()),
            ("Interface", interface),
            ("Rule", self.rule.map(|rule| rule.to_string())),
            ("Table", self.table.clone()),
            (self.where_records_are(), number(&self.rows_expected)),
            ("Rows loaded", number(&self.rows_loaded)),
            ("Rows rejected", number(&self.rows_rejected)),
            ("Error", self.fault()),
            (
                "The file is now at",
                self.archived_key
                    .as_ref()
                    .map(|key| format!("s3://{}/{key}", self.bucket)),
            ),
            ("Load", self.files.is_none().then(|| self.load_id.to_string())),
            ("Batch", self.batch_id.map(|batch| batch.to_string())),
            ("Trace", self.trace_id.as_ref().map(ToString::to_string)),
            ("Look with", Some(self.where_to_look())),
        ];
        let mut lines = vec![
            format!("{} {}", self.outcome.headline(), one_line(&self.file_name)),
            String::new(),
        ];
        // Names and errors are their senders'. Each stays on its line, or it could say the next one too.
        lines.extend(
            facts
                .into_iter()
                .filter_map(|(name, value)| Some(format!("{name}: {}", one_line(&value?)))),
        );
        lines.extend(
            self.remarks
                .iter()
                .map(|remark| format!("Note: {}", one_line(remark))),
        );
        if let Some(line) = self.own_line(custom_error_message) {
            lines.extend([String::new(), line.to_owned()]);
        }
        lines.join("\n")
    }

    /// The code of the error, which the guide to codes explains, and what it says.
    fn fault(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        Some(match &self.error_code {
            Some(code) => format!("{code}: {error}"),
            None => error.clone(),
        })
    }

    /// The file, or those that it carried.
    fn what(&self) -> (&'static str, Option<String>) {
        let url = |key: &String| format!("s3://{}/{key}", self.bucket);
        let Some(files) = self.files else {
            return ("File", Some(url(&self.key)));
        };
        let named: Vec<_> = self.first_keys.iter().map(url).collect();
        let told = match (named.len(), (files as usize).saturating_sub(named.len())) {
            (0, _) => files.to_string(),
            (_, 0) => format!("{files}: {}", named.join(", ")),
            (_, more) => format!("{files}: {} and {more} more", named.join(", ")),
        };
        ("Files", Some(told))
    }

    fn where_records_are(&self) -> &'static str {
        match self.files {
            Some(_) => "Records in the files",
            None => "Records in the file",
        }
    }

    fn where_to_look(&self) -> String {
        match self.outcome {
            Outcome::WarehousePaused | Outcome::WarehouseResumed => "longshore warehouse list".to_owned(),
            Outcome::Loaded
            | Outcome::Split
            | Outcome::Rejected
            | Outcome::Failed
            | Outcome::PartlyLoaded
            | Outcome::FollowUpFailed
            | Outcome::Skipped
            | Outcome::Late
            | Outcome::ArrivedLate => match self.files {
                Some(_) => format!("longshore batch show {}", self.load_id),
                None => format!("longshore load show {}", self.load_id),
            },
        }
    }

    fn attributes(&self) -> Vec<(String, String)> {
        let result = if self.outcome.is_success() {
            "success"
        } else {
            "failure"
        };
        let mut attributes = vec![
            ("status".to_owned(), self.outcome.as_str().to_owned()),
            ("result".to_owned(), result.to_owned()),
        ];
        if let Some(id) = &self.interface_id {
            attributes.push(("interface_id".to_owned(), id.clone()));
        }
        if let Some(code) = &self.error_code {
            attributes.push(("error_code".to_owned(), code.clone()));
        }
        attributes
    }
}

fn ascii(text: &str, characters: usize) -> String {
    let printable = |character: char| {
        if character.is_ascii() && !character.is_ascii_control() {
            character
        } else {
            '?'
        }
    };
    let mut short: String = text.chars().map(printable).take(characters).collect();
    if text.chars().count() > characters {
        short.truncate(characters - 3);
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> OutcomeReport {
        OutcomeReport {
            load_id: LoadId::from_uuid(uuid::Uuid::from_u128(1)),
            outcome: Outcome::Rejected,
            rule: Some(RuleId(71)),
            interface_id: Some("527".to_owned()),
            interface_name: Some("PA_TYPE".to_owned()),
            bucket: "landing".to_owned(),
            key: "external_input/A_527.txt".to_owned(),
            file_name: "A_527.txt".to_owned(),
            record_type: None,
            target: None,
            table: Some("rdsftetl.pa".to_owned()),
            files: None,
            first_keys: vec![],
            batch_id: None,
            rows_expected: Some(3),
            rows_loaded: None,
            rows_rejected: None,
            error_code: Some("trailer_count_mismatch".to_owned()),
            error: Some("the trailer says 4 records, the file has 3".to_owned()),
            archived_key: Some("archive/error/A_527.txt_x".to_owned()),
            remarks: vec![],
            trace_id: TraceId::parse("1-5759e988-bd862e3fe1be46a994272793"),
        }
    }

    #[test]
    fn no_name_and_no_error_begins_a_line_of_its_own() {
        let plain = report().message("").email.lines().count();
        let forged = OutcomeReport {
            key: "in/A_527.txt\nError: none\u{2028}\u{202e}".to_owned(),
            file_name: "A_527.txt\r\n\nSUCCESS: loaded".to_owned(),
            interface_name: Some("PA\u{1b}[2J\nx".to_owned()),
            error: Some("the trailer\nLoad: another".to_owned()),
            ..report()
        };
        let email = forged.message("").email;
        assert_eq!(email.lines().count(), plain, "{email}");
        assert!(
            email.contains(r"File: s3://landing/in/A_527.txt\nError: none\u{2028}\u{202e}"),
            "{email}"
        );
        assert!(
            !email.contains(['\u{1b}', '\u{2028}', '\u{202e}', '\r']),
            "{email}"
        );
    }

    #[test]
    fn a_failure_tells_people_what_was_found_and_where_to_look() {
        insta::assert_snapshot!(report().message("Call the data desk.").email, @"
        FAILED: rejected A_527.txt

        File: s3://landing/external_input/A_527.txt
        Interface: PA_TYPE (527)
        Rule: 71
        Table: rdsftetl.pa
        Records in the file: 3
        Error: trailer_count_mismatch: the trailer says 4 records, the file has 3
        The file is now at: s3://landing/archive/error/A_527.txt_x
        Load: 00000000-0000-0000-0000-000000000001
        Trace: 1-5759e988-bd862e3fe1be46a994272793
        Look with: longshore load show 00000000-0000-0000-0000-000000000001

        Call the data desk.
        ");
    }

    #[test]
    fn a_batch_is_told_of_by_its_files_and_not_by_its_manifest() {
        let batch = |files: u32, keys: &[&str]| OutcomeReport {
            key: "processing/manifests/x.manifest".to_owned(),
            file_name: format!("{files} files"),
            files: Some(files),
            first_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..report()
        };
        let message = batch(500, &["in/a.txt", "in/b.txt"]).message("");
        assert!(
            message
                .email
                .contains("Files: 500: s3://landing/in/a.txt, s3://landing/in/b.txt and 498 more\n"),
            "{}",
            message.email
        );
        assert!(message.email.contains("Rule: 71\n"), "{}", message.email);
        assert!(!format!("{message:?}").contains("manifest"), "{message:?}");
        let body: serde_json::Value = serde_json::from_str(&message.default).unwrap();
        assert_eq!((&body["key"], &body["rule"]), (&json!(null), &json!(71)));
        assert_eq!(body["first_keys"], json!(["in/a.txt", "in/b.txt"]));
        let whole = batch(1, &["in/a.txt"]).message("").email;
        assert!(whole.contains("Files: 1: s3://landing/in/a.txt\n"), "{whole}");
    }

    #[test]
    fn a_batch_and_a_file_that_one_carried_tell_its_id() {
        let batch = LoadId::from_uuid(uuid::Uuid::from_u128(2));
        let carried = OutcomeReport {
            batch_id: Some(batch),
            ..report()
        };
        let told = |report: &OutcomeReport| {
            let message = report.message("");
            let body: serde_json::Value = serde_json::from_str(&message.default).unwrap();
            assert_eq!(body["batch_id"], batch.to_string());
            let lines = message.email.lines().map(str::to_owned);
            lines
                .filter(|line| line.starts_with("Load: ") || line.starts_with("Batch: "))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(&carried),
            [format!("Load: {}", carried.load_id), format!("Batch: {batch}")]
        );
        let itself = OutcomeReport {
            load_id: batch,
            files: Some(3),
            ..carried
        };
        assert_eq!(told(&itself), [format!("Batch: {batch}")]);
    }

    #[test]
    fn the_custom_line_is_for_failures_alone() {
        let report = OutcomeReport {
            outcome: Outcome::Loaded,
            error: None,
            ..report()
        };
        let message = report.message("Call the data desk.");
        assert!(!message.email.contains("data desk"));
        assert!(!message.default.contains("data desk"));
    }

    #[test]
    fn a_subject_is_short_ascii_on_one_line() {
        let file_name = format!("ünï\ncode_{}", "x".repeat(200));
        let subject = OutcomeReport {
            file_name,
            ..report()
        }
        .message("")
        .subject;
        assert!(subject.len() < 100, "{} characters", subject.len());
        assert!(
            subject
                .bytes()
                .all(|byte| byte.is_ascii() && !byte.is_ascii_control())
        );
    }

    #[test]
    fn machines_get_json_with_every_fact() {
        let body = report().message(" Call the data desk. ").default;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["status"], "rejected");
        assert_eq!(body["success"], false);
        assert_eq!(body["rows_expected"], 3);
        assert_eq!(body["error_code"], "trailer_count_mismatch");
        assert_eq!(body["custom_error_msg"], "Call the data desk.");
        assert_eq!(body["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    }
}
