//! Whom the outcomes of a rule's files are told to.

use serde::{Deserialize, Serialize};

use super::fault::Collector;
use super::{RuleFault, RuleRow};
use crate::notification::Outcome;

/// The topics that a rule names for itself; where it names none, the deployment's own is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTopics {
    /// Told of files after which nobody has to act.
    pub success: Option<String>,
    /// Told of files after which somebody has to.
    pub failure: Option<String>,
}

impl RuleTopics {
    pub(super) fn read(row: &RuleRow, faults: &mut Collector) -> Self {
        let mut topic = |column: &str, text: &Option<String>| {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
            if !is_topic_arn(text) {
                let problem = format!("{text:?} is no topic; write arn:aws:sns:<region>:<account>:<name>");
                faults.list.push(RuleFault::new(column, problem));
            }
            Some(text.to_owned())
        };
        Self {
            success: topic("success_topic_arn", &row.success_topic_arn),
            failure: topic("failure_topic_arn", &row.failure_topic_arn),
        }
    }

    /// The rule's own topic for an outcome. A text that is no topic is passed over: that the rule is at fault must be told
    /// somewhere. What befalls a warehouse is no matter of one rule.
    pub fn of(&self, outcome: Outcome) -> Option<&str> {
        let topic = match outcome {
            Outcome::WarehousePaused | Outcome::WarehouseResumed => return None,
            Outcome::Loaded | Outcome::Split | Outcome::Skipped | Outcome::ArrivedLate => &self.success,
            Outcome::Rejected
            | Outcome::Failed
            | Outcome::PartlyLoaded
            | Outcome::FollowUpFailed
            | Outcome::Late => &self.failure,
        };
        topic.as_deref().map(str::trim).filter(|text| is_topic_arn(text))
    }
}

/// Whether a text is the ARN of an SNS topic.
pub fn is_topic_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let begins = parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("sns");
    let name = parts.nth(2);
    begins
        && name
            .is_some_and(|name| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "arn:aws:sns:eu-central-1:123456789012:prices";

    #[test]
    fn an_outcome_is_told_where_its_kind_belongs() {
        let topics = RuleTopics {
            success: Some(GOOD.to_owned()),
            failure: Some(format!(" {GOOD}-failed ")),
        };
        for outcome in Outcome::ALL {
            let expected = match outcome {
                Outcome::WarehousePaused | Outcome::WarehouseResumed => None,
                _ if outcome.is_success() => Some(GOOD.to_owned()),
                _ => Some(format!("{GOOD}-failed")),
            };
            assert_eq!(topics.of(outcome).map(str::to_owned), expected, "{outcome:?}");
        }
    }

    #[test]
    fn what_is_no_topic_is_a_fault_and_told_nothing() {
        for text in [
            "prices",
            "arn:aws:sqs:eu-central-1:1:prices",
            "arn:aws:sns:eu-central-1:1",
            "arn:aws:sns:e:1:a b",
        ] {
            assert!(!is_topic_arn(text), "{text}");
            let row = RuleRow {
                failure_topic_arn: Some(text.to_owned()),
                ..RuleRow::default()
            };
            let mut faults = Collector::default();
            let topics = RuleTopics::read(&row, &mut faults);
            assert_eq!(faults.list[0].column, "failure_topic_arn");
            assert_eq!(topics.of(Outcome::Rejected), None);
        }
    }
}
