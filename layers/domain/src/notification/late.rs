//! What people and machines are told when files did not come by the time that their rule says, and when they came after all.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::{Message, Outcome, SMS_CHARACTERS, SUBJECT_CHARACTERS, ascii};
use crate::load::LoadId;
use crate::rule::RuleId;
use crate::time_zone::TimeZone;

/// A period of a rule in which too few files came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateFiles {
    /// The rule.
    pub rule: RuleId,
    /// The feed's id.
    pub interface_id: String,
    /// The feed's name.
    pub interface_name: String,
    /// `schema.table` as the rule has it, when it names one.
    pub table: Option<String>,
    /// By when they were expected.
    pub expected_at: DateTime<Utc>,
    /// By whose clocks.
    pub zone: TimeZone,
    /// When the grace was over.
    pub grace_until: DateTime<Utc>,
    /// How many were expected.
    pub expected_files: u32,
    /// How many came until then.
    pub arrived_files: u32,
    /// The newest file of the rule that ever came.
    pub newest: Option<NewestFile>,
    /// When what was missing came, if it did.
    pub arrived_at: Option<DateTime<Utc>>,
    /// Periods before it that were missed too and are not told of by themselves.
    pub missed_before: u32,
}

/// The newest file of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestFile {
    /// Its name.
    pub name: String,
    /// When it came.
    pub at: DateTime<Utc>,
    /// Its load.
    pub load: LoadId,
}

impl LateFiles {
    /// Writes the message that too few came: `custom_error_message` is the deployment's own line for failures.
    pub fn late(&self, custom_error_message: &str) -> Message {
        self.message(Outcome::Late, &self.missing(), custom_error_message)
    }

    /// Writes the message that what was missing came.
    pub fn arrived(&self) -> Message {
        self.message(Outcome::ArrivedLate, "the files", "")
    }

    fn message(&self, outcome: Outcome, what: &str, custom_error_message: &str) -> Message {
        let headline = format!(
            "{} {what} of {} for {}",
            outcome.headline(),
            self.feed(),
            self.told(self.expected_at)
        );
        Message {
            subject: ascii(&format!("Longshore {headline}"), SUBJECT_CHARACTERS),
            default: self.body_for_machines(outcome, custom_error_message),
            email: self.body_for_people(&headline, custom_error_message),
            sms: ascii(&headline, SMS_CHARACTERS),
            attributes: self.attributes(outcome),
        }
    }

    fn missing(&self) -> String {
        match (self.arrived_files, self.expected_files) {
            (0, 1) => "no file".to_owned(),
            (came, expected) => format!("only {came} of {expected} files"),
        }
    }

    fn feed(&self) -> String {
        match self.interface_name.trim() {
            "" => format!("rule {}", self.rule),
            name => format!("{name} (rule {})", self.rule),
        }
    }

    fn told(&self, at: DateTime<Utc>) -> String {
        format!(
            "{} {}",
            at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M"),
            self.zone
        )
    }

    fn body_for_machines(&self, outcome: Outcome, custom_error_message: &str) -> String {
        let custom = custom_error_message.trim();
        let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        json!({
            "status": outcome.as_str(),
            "success": outcome.is_success(),
            "rule": self.rule,
            "interface_id": self.interface_id,
            "interface_name": self.interface_name,
            "table": self.table,
            "expected_at": moment(self.expected_at),
            "timezone": self.zone.name(),
            "grace_until": moment(self.grace_until),
            "expected_files": self.expected_files,
            "arrived_files": self.arrived_files,
            "arrived_at": self.arrived_at.map(moment),
            "missed_before": self.missed_before,
            "custom_error_msg": (!custom.is_empty()).then_some(custom),
            "newest_file_name": self.newest.as_ref().map(|newest| &newest.name),
            "newest_file_at": self.newest.as_ref().map(|newest| moment(newest.at)),
            "newest_load_id": self.newest.as_ref().map(|newest| newest.load),
            "where_to_look": self.where_to_look(),
        })
        .to_string()
    }

    fn body_for_people(&self, headline: &str, custom_error_message: &str) -> String {
        let custom = custom_error_message.trim();
        let newest = match &self.newest {
            Some(newest) => format!("{}, {}, load {}", newest.name, self.told(newest.at), newest.load),
            None => "none had ever come".to_owned(),
        };
        let missed_before = match self.missed_before {
            0 => None,
            1 => Some("Note: the time before it was missed too, while nobody looked".to_owned()),
            many => Some(format!(
                "Note: {many} times before it were missed too, while nobody looked"
            )),
        };
        let lines = [
            Some(headline.to_owned()),
            Some(String::new()),
            Some(format!("Rule: {}", self.rule)),
            Some(format!(
                "Interface: {} ({})",
                self.interface_name, self.interface_id
            )),
            self.table.as_ref().map(|table| format!("Table: {table}")),
            Some(format!("Expected by: {}", self.told(self.expected_at))),
            Some(format!("Waited until: {}", self.told(self.grace_until))),
            Some(format!(
                "Files in time: {} of {}",
                self.arrived_files, self.expected_files
            )),
            self.arrived_at
                .map(|at| format!("The others came: {}", self.told(at))),
            Some(format!("Newest file then: {newest}")),
            missed_before,
            Some(format!("Look with: {}", self.where_to_look())),
            (!custom.is_empty()).then(|| format!("\n{custom}")),
        ];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    fn where_to_look(&self) -> String {
        format!("longshore late list --rule {}", self.rule)
    }

    fn attributes(&self, outcome: Outcome) -> Vec<(String, String)> {
        let result = match outcome.is_success() {
            true => "success",
            false => "failure",
        };
        [
            ("status", outcome.as_str()),
            ("result", result),
            ("interface_id", &self.interface_id),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late() -> LateFiles {
        LateFiles {
            rule: RuleId(81),
            interface_id: "801".to_owned(),
            interface_name: "PRICES".to_owned(),
            table: Some("etl.price".to_owned()),
            expected_at: "2026-11-28T05:00:00Z".parse().unwrap(),
            zone: "Europe/Berlin".parse().unwrap(),
            grace_until: "2026-11-28T06:00:00Z".parse().unwrap(),
            expected_files: 1,
            arrived_files: 0,
            newest: Some(NewestFile {
                name: "PRICES_20261127_801.csv".to_owned(),
                at: "2026-11-27T04:58:00Z".parse().unwrap(),
                load: LoadId::from_uuid(uuid::Uuid::from_u128(1)),
            }),
            arrived_at: None,
            missed_before: 0,
        }
    }

    #[test]
    fn people_are_told_by_when_how_many_came_the_newest_and_where_to_look() {
        let message = late().late("Call the data desk.");
        assert_eq!(
            message.subject,
            "Longshore LATE: no file of PRICES (rule 81) for 2026-11-28 06:00 Europe/Berlin"
        );
        insta::assert_snapshot!(message.email, @"
        LATE: no file of PRICES (rule 81) for 2026-11-28 06:00 Europe/Berlin

        Rule: 81
        Interface: PRICES (801)
        Table: etl.price
        Expected by: 2026-11-28 06:00 Europe/Berlin
        Waited until: 2026-11-28 07:00 Europe/Berlin
        Files in time: 0 of 1
        Newest file then: PRICES_20261127_801.csv, 2026-11-27 05:58 Europe/Berlin, load 00000000-0000-0000-0000-000000000001
        Look with: longshore late list --rule 81

        Call the data desk.
        ");
    }

    #[test]
    fn what_was_missed_before_and_what_came_since_is_said() {
        let late = LateFiles {
            expected_files: 3,
            arrived_files: 1,
            newest: None,
            arrived_at: Some("2026-11-28T09:30:00Z".parse().unwrap()),
            missed_before: 41,
            ..late()
        };
        let email = late.late("").email;
        for line in [
            "LATE: only 1 of 3 files of PRICES (rule 81) for 2026-11-28 06:00 Europe/Berlin",
            "The others came: 2026-11-28 10:30 Europe/Berlin",
            "Newest file then: none had ever come",
            "Note: 41 times before it were missed too, while nobody looked",
        ] {
            assert!(email.lines().any(|one| one == line), "{line}\n{email}");
        }
    }

    #[test]
    fn machines_get_json_and_attributes_for_either() {
        let body: serde_json::Value =
            serde_json::from_str(&late().late("Call the data desk.").default).unwrap();
        assert_eq!(body["status"], "late");
        assert_eq!(body["success"], false);
        assert_eq!(body["expected_at"], "2026-11-28T05:00:00Z");
        assert_eq!(body["arrived_files"], 0);
        assert_eq!(body["custom_error_msg"], "Call the data desk.");
        let arrived = late().arrived();
        assert!(
            arrived
                .subject
                .starts_with("Longshore ARRIVED LATE: the files of PRICES")
        );
        let body: serde_json::Value = serde_json::from_str(&arrived.default).unwrap();
        assert_eq!(
            (&body["status"], &body["success"]),
            (&json!("arrived_late"), &json!(true))
        );
        assert!(
            arrived
                .attributes
                .contains(&("result".to_owned(), "success".to_owned()))
        );
    }
}
