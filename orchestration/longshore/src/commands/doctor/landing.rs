//! What brings work and tells of it: buckets, their events, the topic, the event rule.

use chrono::Utc;
use longshore_app::ports::ObjectStore;
use longshore_app::with_causes;
use longshore_domain::object::WatchedPrefix;
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring::{AwsClients, BucketEvents, EventRuleStanding, InspectError};
use serde_json::{Value, json};

use super::control::clock;
use super::finding::Finding;

/// What was found.
pub(super) async fn examine(settings: &Settings, clients: &AwsClients) -> Vec<Finding> {
    let mut findings = Vec::new();
    for watched in &settings.watched {
        findings.push(listing(watched, clients).await);
        findings.push(events(watched, clients).await);
    }
    if settings.watched.is_empty() {
        findings.push(Finding::notice(
            "landing prefix",
            "none is watched, so a file whose event is lost is never found",
            "export LONGSHORE_WATCHED_PREFIXES=s3://BUCKET/PREFIX/",
        ));
    }
    findings.push(topic(settings, clients).await);
    findings.push(event_rule(&settings.statement_prefix, clients).await);
    findings.push(aws_clock(clients).await);
    findings
}

async fn listing(watched: &WatchedPrefix, clients: &AwsClients) -> Finding {
    let check = format!("bucket {}", watched.bucket);
    match clients.objects.list(watched, None).await {
        Ok(page) if page.objects.is_empty() => Finding::sound(check, format!("nothing waits in {watched}")),
        Ok(page) => Finding::sound(
            check,
            format!("{} or more files wait in {watched}", page.objects.len()),
        ),
        Err(error) => Finding::fault(
            check,
            with_causes(&error),
            format!(
                "aws s3api head-bucket --bucket {}; mend LONGSHORE_WATCHED_PREFIXES, or grant s3:ListBucket on it",
                watched.bucket
            ),
        ),
    }
}

async fn events(watched: &WatchedPrefix, clients: &AwsClients) -> Finding {
    let check = format!("events of {}", watched.bucket);
    match clients.inspector.bucket_events(watched.bucket.as_str()).await {
        Ok(events) if !events.cover(&watched.prefix) => Finding::fault(
            check,
            format!("nobody is told of files in {watched}; the reconciler alone finds them"),
            format!(
                "aws s3api put-bucket-notification-configuration --bucket {} --notification-configuration '{{\"EventBridgeConfiguration\": {{}}}}' (it replaces the one that is there)",
                watched.bucket
            ),
        ),
        Ok(events) if events.event_bridge => by_event_bridge(check, watched, clients).await,
        Ok(events) => by_listeners(check, watched, &events),
        Err(error) => Finding::fault(
            check,
            with_causes(&error),
            format!(
                "aws s3api get-bucket-notification-configuration --bucket {}",
                watched.bucket
            ),
        ),
    }
}

/// A bucket that tells EventBridge tells nobody yet: a rule has to take what it says.
async fn by_event_bridge(check: String, watched: &WatchedPrefix, clients: &AwsClients) -> Finding {
    let detail = json!({
        "bucket": { "name": watched.bucket.as_str() },
        "object": { "key": format!("{}a", watched.prefix), "size": 1 },
        "reason": "PutObject",
    });
    let event = sample_event("aws.s3", "Object Created", &detail);
    let found = clients.inspector.rules_taking(&event).await;
    let wanted = format!("files in {watched}");
    rules_finding(check, &wanted, found, "sam deploy makes STACK-object-created")
}

/// Whom S3 itself tells: a queue or function of ours goes by its name, as the template calls them.
fn by_listeners(check: String, watched: &WatchedPrefix, events: &BucketEvents) -> Finding {
    let told: Vec<&str> = events.listeners_of(&watched.prefix).collect();
    let names = told.join(", ");
    let is_ours = |arn: &&str| arn.ends_with("-intake") || arn.ends_with("external-file-process");
    if told.iter().any(is_ours) {
        return Finding::sound(check, format!("{names} is told of files in {watched}"));
    }
    Finding::notice(
        check,
        format!(
            "{names} is told of files in {watched}, which is no queue STACK-intake and no function STACK-external-file-process"
        ),
        "make sure that it hands them on, or have the bucket tell the stack's intake queue (docs/deploy.md)",
    )
}

async fn topic(settings: &Settings, clients: &AwsClients) -> Finding {
    let arn = &settings.sns_topic_arn;
    match clients.inspector.topic(arn).await {
        Ok(()) => Finding::sound("topic", arn.as_str()),
        Err(error) => Finding::fault(
            "topic",
            with_causes(&error),
            format!("aws sns get-topic-attributes --topic-arn {arn}; mend sns_topic_arn"),
        ),
    }
}

/// The ends of statements reach us by their names: the setting and the rule must agree about how these begin. EventBridge itself judges
/// the rule on the end of a statement of ours.
async fn event_rule(statement_prefix: &str, clients: &AwsClients) -> Finding {
    let name = format!("{statement_prefix}/00000000-0000-0000-0000-000000000000/load/1");
    let detail = json!({
        "statementName": name, "statementId": "00000000-0000-0000-0000-000000000000", "state": "FINISHED",
    });
    let event = sample_event(
        "aws.redshift-data",
        "Redshift Data Statement Status Change",
        &detail,
    );
    let found = clients.inspector.rules_taking(&event).await;
    let wanted = format!("the ends of statements called {statement_prefix}/…");
    rules_finding(
        "event rule".to_owned(),
        &wanted,
        found,
        "set LONGSHORE_STATEMENT_PREFIX to the stack's name, or deploy orchestration/event-patterns/load-status.json: sam deploy makes STACK-load-status",
    )
}

fn sample_event(source: &str, detail_type: &str, detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "source": source,
        "detail-type": detail_type,
        "account": "000000000000",
        "region": "us-east-1",
        "time": "2026-01-01T00:00:00Z",
        "resources": [],
        "detail": detail,
    })
}

/// What the rules that take an event make of a check.
fn rules_finding(
    check: String,
    wanted: &str,
    found: Result<Vec<EventRuleStanding>, InspectError>,
    mend: &str,
) -> Finding {
    let rules = match found {
        Ok(rules) => rules,
        // Whoever may not ask is no fault of the deployment.
        Err(error @ InspectError::Denied { .. }) => {
            return Finding::notice(
                check,
                format!("not looked at: {}", with_causes(&error)),
                "grant events:ListRules and events:TestEventPattern to whom aws sts get-caller-identity names",
            );
        }
        Err(error) => return Finding::fault(check, with_causes(&error), "aws events list-rules"),
    };
    if let Some(rule) = rules.iter().find(|rule| rule.is_enabled) {
        return Finding::sound(check, format!("rule {} takes {wanted}", rule.name));
    }
    match rules.first() {
        Some(rule) => Finding::fault(
            check,
            format!("rule {} takes {wanted} and is disabled", rule.name),
            format!("aws events enable-rule --name {}", rule.name),
        ),
        None => Finding::fault(check, format!("no rule takes {wanted}"), mend),
    }
}

/// Signatures are judged by the clock of AWS.
async fn aws_clock(clients: &AwsClients) -> Finding {
    match clients.inspector.time().await {
        Ok(theirs) => clock("AWS", theirs, Utc::now()),
        Err(error) => Finding::fault(
            "clock",
            with_causes(&error),
            "check that this machine reaches events.REGION.amazonaws.com",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn watched() -> WatchedPrefix {
        WatchedPrefix::parse("s3://landing/in/").unwrap()
    }

    #[test]
    fn a_bucket_that_tells_somebody_else_is_worth_a_notice() {
        let told = |arn: &str| {
            let listeners = vec![(arn.to_owned(), "in/".to_owned())];
            let events = BucketEvents {
                event_bridge: false,
                listeners,
            };
            by_listeners("events".to_owned(), &watched(), &events).verdict
        };
        assert_eq!(
            told("arn:aws:sqs:eu-central-1:123456789012:prod-intake"),
            Verdict::Sound
        );
        assert_eq!(
            told("arn:aws:lambda:eu-central-1:123456789012:function:prod-external-file-process"),
            Verdict::Sound
        );
        assert_eq!(
            told("arn:aws:sqs:eu-central-1:123456789012:another"),
            Verdict::Notice
        );
    }

    #[test]
    fn a_rule_that_is_missing_or_disabled_is_a_fault_and_not_to_be_told_is_none() {
        let rule = |is_enabled| EventRuleStanding {
            name: "r".to_owned(),
            is_enabled,
        };
        let judge = |found| rules_finding("c".to_owned(), "them", found, "sam deploy");
        assert_eq!(judge(Ok(vec![rule(false), rule(true)])).verdict, Verdict::Sound);
        let disabled = judge(Ok(vec![rule(false)]));
        assert_eq!(disabled.verdict, Verdict::Fault);
        assert_eq!(disabled.mend.as_deref(), Some("aws events enable-rule --name r"));
        assert_eq!(judge(Ok(vec![])).mend.as_deref(), Some("sam deploy"));
        let denied = InspectError::Denied {
            what: "EventBridge".to_owned(),
            action: "events:ListRules",
        };
        assert_eq!(judge(Err(denied)).verdict, Verdict::Notice);
    }
}
