//! What EventBridge and IAM are asked: which rules take an event, and what a role may do.

use chrono::{DateTime, Utc};
use longshore_app::ports::BoxError;
use serde_json::{Value, json};

use super::{InspectError, Inspector};
use crate::signed::{Answer, Question};

const EVENTS: &str = "EventBridge";
const IAM: &str = "IAM";
/// Where IAM is, for signatures.
const IAM_HOME: &str = "us-east-1";
/// The most pages of rules that are read: three hundred rules a bus are a quota.
const MOST_PAGES: usize = 20;

/// A rule of the default event bus that takes an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRuleStanding {
    /// Its name.
    pub name: String,
    /// Whether it works.
    pub is_enabled: bool,
}

/// One right as IAM judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The action.
    pub action: String,
    /// On what.
    pub resource: String,
    /// Whether the role has it.
    pub is_allowed: bool,
}

impl Inspector {
    /// The rules of the default bus that take an event, as EventBridge itself judges their patterns, disabled ones among them.
    ///
    /// # Errors
    /// [`InspectError`], when EventBridge does not say.
    pub async fn rules_taking(&self, event: &Value) -> Result<Vec<EventRuleStanding>, InspectError> {
        let source = event["source"].as_str().unwrap_or_default();
        let mut taking = Vec::new();
        let mut next = Value::Null;
        for _ in 0..MOST_PAGES {
            let page = match &next {
                Value::Null => json!({ "Limit": 100 }),
                next => json!({ "Limit": 100, "NextToken": next }),
            };
            let page = self.events("ListRules", page).await?;
            for rule in page["Rules"].as_array().into_iter().flatten() {
                let pattern = rule["EventPattern"].as_str();
                // One that does not so much as name the source is asked nothing.
                let Some(pattern) = pattern.filter(|pattern| pattern.contains(source)) else {
                    continue;
                };
                let asked = json!({ "EventPattern": pattern, "Event": event.to_string() });
                if self.events("TestEventPattern", asked).await?["Result"] == true {
                    taking.push(EventRuleStanding {
                        name: rule["Name"].as_str().unwrap_or_default().to_owned(),
                        is_enabled: rule["State"].as_str().is_some_and(|state| state != "DISABLED"),
                    });
                }
            }
            next = page["NextToken"].clone();
            if next.is_null() {
                break;
            }
        }
        Ok(taking)
    }

    /// What time it is at AWS, by the date of an answer, whatever that says.
    ///
    /// # Errors
    /// [`InspectError::Failed`], when there is no answer, or none with a date.
    pub async fn time(&self) -> Result<DateTime<Utc>, InspectError> {
        let answer = self
            .requests
            .ask(json_question("ListRules", json!({ "Limit": 1 })))
            .await;
        let answer = answer.map_err(|source| no_answer(EVENTS, source))?;
        answer
            .date
            .ok_or_else(|| no_answer(EVENTS, "the answer has no date".into()))
    }

    async fn events(&self, operation: &'static str, request: Value) -> Result<Value, InspectError> {
        let action = match operation {
            "ListRules" => "events:ListRules",
            _ => "events:TestEventPattern",
        };
        let answer = self.requests.ask(json_question(operation, request)).await;
        let answer = answer.map_err(|source| no_answer(EVENTS, source))?;
        let body = refused(EVENTS, action, answer)?;
        serde_json::from_str(&body).map_err(|error| no_answer(EVENTS, Box::new(error)))
    }

    /// Whether a role may do these things, each on its resource, as IAM simulates it.
    ///
    /// # Errors
    /// [`InspectError`], when there is no such role, or IAM does not say.
    pub async fn simulate(&self, role: &str, action: &str, resource: &str) -> Result<Right, InspectError> {
        let fields = [
            ("Action", "SimulatePrincipalPolicy"),
            ("Version", "2010-05-08"),
            ("PolicySourceArn", role),
            ("ActionNames.member.1", action),
            ("ResourceArns.member.1", resource),
        ];
        let question = Question {
            service: "iam",
            home: Some(IAM_HOME),
            target: None,
            content_type: "application/x-www-form-urlencoded",
            body: form(&fields),
        };
        let answer = self.requests.ask(question).await;
        let answer = answer.map_err(|source| no_answer(IAM, source))?;
        let body = refused(&format!("role {role}"), "iam:SimulatePrincipalPolicy", answer)?;
        let decision = element(&body, "EvalDecision");
        let decision = decision.ok_or_else(|| no_answer(IAM, "the answer has no decision".into()))?;
        Ok(Right {
            action: action.to_owned(),
            resource: resource.to_owned(),
            is_allowed: decision == "allowed",
        })
    }
}

fn json_question(operation: &'static str, request: Value) -> Question<'static> {
    let target = match operation {
        "ListRules" => "AWSEvents.ListRules",
        _ => "AWSEvents.TestEventPattern",
    };
    Question {
        service: "events",
        home: None,
        target: Some(target),
        content_type: "application/x-amz-json-1.1",
        body: request.to_string(),
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The text of the first element of a name. What is looked for holds no markup.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// The body of an answer that is no error; else what the error means. Both protocols name the error in their bodies.
fn refused(what: &str, action: &'static str, answer: Answer) -> Result<String, InspectError> {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.is_success {
        return Ok(body);
    }
    let what = what.to_owned();
    if body.contains("NoSuchEntity") {
        return Err(InspectError::Missing { what });
    }
    if body.contains("AccessDenied")
        || body.contains("UnrecognizedClient")
        || body.contains("InvalidClientTokenId")
    {
        return Err(InspectError::Denied { what, action });
    }
    Err(InspectError::Failed {
        what,
        source: body.into(),
    })
}

fn no_answer(what: &str, source: BoxError) -> InspectError {
    InspectError::Failed {
        what: what.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(is_success: bool, body: &'static str) -> Answer {
        Answer {
            is_success,
            date: None,
            body: body.into(),
        }
    }

    #[test]
    fn a_refusal_says_which_right_is_lacking_or_that_nothing_is_there() {
        let denied = refused(
            "role r",
            "iam:SimulatePrincipalPolicy",
            answer(false, "<Code>AccessDenied</Code>"),
        );
        assert!(matches!(
            denied,
            Err(InspectError::Denied {
                action: "iam:SimulatePrincipalPolicy",
                ..
            })
        ));
        let json = refused(
            EVENTS,
            "events:ListRules",
            answer(false, r#"{"__type":"AccessDeniedException"}"#),
        );
        assert!(matches!(json, Err(InspectError::Denied { .. })));
        let missing = refused(
            "role r",
            "iam:SimulatePrincipalPolicy",
            answer(false, "<Code>NoSuchEntity</Code>"),
        );
        assert_eq!(
            missing.unwrap_err().to_string(),
            "there is no role r in this account and region"
        );
        let other = refused(EVENTS, "events:ListRules", answer(false, "throttled"));
        assert!(matches!(other, Err(InspectError::Failed { .. })));
        assert_eq!(
            refused(EVENTS, "events:ListRules", answer(true, "{}")).unwrap(),
            "{}"
        );
    }

    #[test]
    fn a_decision_is_read_and_fields_are_encoded() {
        let body = "<EvaluationResults><member><EvalDecision>implicitDeny</EvalDecision></member></EvaluationResults>";
        assert_eq!(element(body, "EvalDecision"), Some("implicitDeny"));
        assert_eq!(element(body, "Code"), None);
        assert_eq!(
            form(&[("A", "arn:aws:s3:::b/*"), ("B", "c")]),
            "A=arn%3Aaws%3As3%3A%3A%3Ab%2F%2A&B=c"
        );
    }
}
