//! What brings work and tells of it: buckets, their events, the topic, the event rule.

use longshore_app::chain;
use longshore_app::ports::ObjectStore;
use longshore_domain::object::WatchedPrefix;
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring::AwsClients;
use serde_json::Value;

use super::finding::Finding;

/// The event rule as it is shipped.
const LOAD_STATUS: &str = include_str!("../../../../event-patterns/load-status.json");

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
    findings.push(event_rule(&settings.statement_prefix));
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
            chain(&error),
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
        Ok(events) if events.cover(&watched.prefix) => {
            Finding::sound(check, format!("somebody is told of {watched}"))
        }
        Ok(_) => Finding::fault(
            check,
            format!("nobody is told of files in {watched}; the reconciler alone finds them"),
            format!(
                "aws s3api put-bucket-notification-configuration --bucket {} --notification-configuration '{{\"EventBridgeConfiguration\": {{}}}}' (it replaces the one that is there)",
                watched.bucket
            ),
        ),
        Err(error) => Finding::fault(
            check,
            chain(&error),
            format!(
                "aws s3api get-bucket-notification-configuration --bucket {}",
                watched.bucket
            ),
        ),
    }
}

async fn topic(settings: &Settings, clients: &AwsClients) -> Finding {
    let arn = &settings.sns_topic_arn;
    match clients.inspector.topic(arn).await {
        Ok(()) => Finding::sound("topic", arn.as_str()),
        Err(error) => Finding::fault(
            "topic",
            chain(&error),
            format!("aws sns get-topic-attributes --topic-arn {arn}; mend sns_topic_arn"),
        ),
    }
}

/// The ends of statements reach us by their names: the setting and the rule must agree about how these begin.
fn event_rule(statement_prefix: &str) -> Finding {
    let pattern: Value = serde_json::from_str(LOAD_STATUS).expect("a test reads the shipped pattern");
    let prefixes = pattern["detail"]["statementName"]
        .as_array()
        .into_iter()
        .flatten();
    let begins: Vec<&str> = prefixes.filter_map(|test| test["prefix"].as_str()).collect();
    let called = format!("{statement_prefix}/");
    let seen = format!(
        "statements are called {called}…, the rule takes {}…",
        begins.join("…, ")
    );
    if begins.iter().any(|prefix| called.starts_with(prefix)) {
        return Finding::sound("event rule", seen);
    }
    let mend = format!(
        "unset LONGSHORE_STATEMENT_PREFIX, or deploy orchestration/event-patterns/load-status.json with {{\"prefix\": \"{called}\"}}"
    );
    Finding::fault("event rule", seen, mend)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_rule_takes_the_statements_of_the_default_prefix_alone() {
        assert_eq!(event_rule("longshore").verdict, Verdict::Sound);
        assert_eq!(event_rule("longshore/team").verdict, Verdict::Sound);
        assert_eq!(event_rule("team").verdict, Verdict::Fault);
    }
}
