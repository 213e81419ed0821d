//! `notify test`: a message to every topic in use.

use std::collections::BTreeMap;

use chrono::Utc;
use longshore_app::{App, with_causes};
use longshore_domain::notification::{Message, Outcome};
use longshore_domain::rule::RuleTopics;
use serde::Serialize;
use serde_json::json;

use crate::cli::NotifyCommand;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Who uses the deployment's own topic.
const DEPLOYMENT: &str = "the deployment";

/// Carries out a `notify` command.
pub(crate) async fn run(
    command: NotifyCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        NotifyCommand::Test { operator } => test(&deployment.app().await?, &operator, output).await,
    }
}

/// What came of telling one topic.
#[derive(Debug, Serialize)]
struct Told {
    topic_arn: String,
    /// The deployment, or rules by number.
    used_by: Vec<String>,
    message_id: Option<String>,
    error: Option<String>,
}

/// Tells every topic; one that refuses keeps none of the others from being told, and ends it as a failure.
async fn test(app: &App, operator: &str, output: Output) -> anyhow::Result<ExitStatus> {
    let message = message(operator);
    let mut told = Vec::new();
    for (topic_arn, used_by) in topics(app).await? {
        let published = app.notifier.publish(&topic_arn, &message).await;
        let (message_id, error) = match published {
            Ok(id) => (Some(id), None),
            Err(error) => (None, Some(with_causes(&error))),
        };
        told.push(Told {
            topic_arn,
            used_by,
            message_id,
            error,
        });
    }
    if output.is_json() {
        output.json(&told)?;
    } else {
        let rows = told.iter().map(|told| {
            let answer = told.message_id.clone().or_else(|| told.error.clone());
            vec![
                told.topic_arn.clone(),
                told.used_by.join(", "),
                answer.unwrap_or_default(),
            ]
        });
        output.table(&["topic", "used by", "message id, or why not"], rows.collect())?;
    }
    let all_told = told.iter().all(|told| told.error.is_none());
    Ok(if all_told {
        ExitStatus::Done
    } else {
        ExitStatus::Failure
    })
}

/// Every topic that something would be told to, with who uses it.
async fn topics(app: &App) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut topics = BTreeMap::from([(app.config.topic_arn.clone(), vec![DEPLOYMENT.to_owned()])]);
    for row in app.store.all_rules().await? {
        let own = RuleTopics {
            success: row.success_topic_arn,
            failure: row.failure_topic_arn,
        };
        let rule = format!("rule {}", row.ext_file_config_sid);
        for topic in Outcome::ALL.into_iter().filter_map(|outcome| own.of(outcome)) {
            let used_by = topics.entry(topic.to_owned()).or_default();
            if !used_by.contains(&rule) {
                used_by.push(rule.clone());
            }
        }
    }
    Ok(topics)
}

fn message(operator: &str) -> Message {
    let sentence = format!("A test of Longshore's notifications, sent by {operator}. Nobody has to act.");
    let body = json!({ "status": "test", "success": true, "operator": operator, "at": Utc::now() });
    Message {
        subject: "Longshore TEST: nobody has to act".to_owned(),
        default: body.to_string(),
        email: sentence,
        sms: "Longshore TEST: nobody has to act".to_owned(),
        attributes: vec![("status".to_owned(), "test".to_owned())],
    }
}
