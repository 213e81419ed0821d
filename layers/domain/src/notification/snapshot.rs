//! What people and machines are told when a snapshot rule could not load a table by itself. Once a file of it is on the ledger,
//! its load is told of as any other.

use serde_json::json;

use super::{Message, SMS_CHARACTERS, SUBJECT_CHARACTERS, ascii};
use crate::one_line::one_line;
use crate::rule::RuleId;

/// The word in messages and attributes.
const STATUS: &str = "snapshot_failed";

/// A table that a snapshot rule could not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedSnapshot {
    /// The rule.
    pub rule: RuleId,
    /// `schema.table`.
    pub table: String,
    /// The feed's id, when it is known.
    pub interface_id: Option<String>,
    /// The feed's name, when it is known.
    pub interface_name: Option<String>,
    /// Why not.
    pub error: String,
}

impl FailedSnapshot {
    /// Writes the message. `custom_error_message` is the deployment's own line for failures.
    pub fn message(&self, custom_error_message: &str) -> Message {
        let headline = format!("FAILED: no snapshot of {}", self.table);
        Message {
            subject: ascii(&format!("Longshore {headline}"), SUBJECT_CHARACTERS),
            default: self.body_for_machines(custom_error_message),
            email: self.body_for_people(&headline, custom_error_message),
            sms: ascii(&headline, SMS_CHARACTERS),
            attributes: self.attributes(),
        }
    }

    fn body_for_machines(&self, custom_error_message: &str) -> String {
        let custom = custom_error_message.trim();
        json!({
            "status": STATUS,
            "success": false,
            "rule": self.rule,
            "interface_id": self.interface_id,
            "interface_name": self.interface_name,
            "table": self.table,
            "error": self.error,
            "custom_error_msg": (!custom.is_empty()).then_some(custom),
            "where_to_look": self.where_to_look(),
        })
        .to_string()
    }

    fn body_for_people(&self, headline: &str, custom_error_message: &str) -> String {
        let interface = match (&self.interface_name, &self.interface_id) {
            (Some(name), Some(id)) => Some(format!("Interface: {} ({id})", one_line(name))),
            (_, id) => id.as_ref().map(|id| format!("Interface: {id}")),
        };
        let custom = custom_error_message.trim();
        let lines = [
            Some(headline.to_owned()),
            Some(String::new()),
            Some(format!("Table: {}", self.table)),
            Some(format!("Rule: {}", self.rule)),
            interface,
            Some(format!("Error: {}", one_line(&self.error))),
            Some("It is tried again after a while, and told again when it fails in another way.".to_owned()),
            Some(format!("Look with: {}", self.where_to_look())),
            (!custom.is_empty()).then(|| format!("\n{custom}")),
        ];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    fn where_to_look(&self) -> String {
        format!("longshore snapshot list --rule {}", self.rule)
    }

    fn attributes(&self) -> Vec<(String, String)> {
        let mut attributes = vec![
            ("status".to_owned(), STATUS.to_owned()),
            ("result".to_owned(), "failure".to_owned()),
        ];
        if let Some(id) = &self.interface_id {
            attributes.push(("interface_id".to_owned(), id.clone()));
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_the_table_the_reason_and_where_to_look() {
        let failed = FailedSnapshot {
            rule: RuleId(71),
            table: "api.pages".to_owned(),
            interface_id: Some("901".to_owned()),
            interface_name: Some("analytics".to_owned()),
            error: "there is no description at s3://b/config.yml".to_owned(),
        };
        let message = failed.message("Call the data desk.");
        assert_eq!(message.subject, "Longshore FAILED: no snapshot of api.pages");
        assert!(
            message
                .default
                .contains(r#""custom_error_msg":"Call the data desk.""#),
            "{}",
            message.default
        );
        insta::assert_snapshot!(message.email, @"
        FAILED: no snapshot of api.pages

        Table: api.pages
        Rule: 71
        Interface: analytics (901)
        Error: there is no description at s3://b/config.yml
        It is tried again after a while, and told again when it fails in another way.
        Look with: longshore snapshot list --rule 71

        Call the data desk.
        ");
    }
}
