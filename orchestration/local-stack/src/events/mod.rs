//! EventBridge inside the stack: the default bus, and the rules that hand its events to functions.

mod pattern;
mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longshore_local_warehouse::{StatementEvent, StatementEvents};
use serde_json::{Value, json};

use crate::faults::{Deliveries, Delivery, FaultService};
use crate::http::ApiError;
use crate::index::{Index, IndexError};
use crate::options::EventRule;
use crate::request::{optional_text, text};
use crate::time::Moment;

pub(crate) use pattern::{Pattern, PatternError};
pub(crate) use schedule::Schedule;

/// The most entries of one PutEvents.
const MAX_ENTRIES: usize = 10;

/// The default event bus.
pub(crate) struct EventBus {
    index: Arc<Index>,
    deliveries: Arc<Deliveries>,
    rules: Vec<Rule>,
    region: String,
    account: String,
}

struct Rule {
    name: String,
    source: Value,
    pattern: Pattern,
    function: String,
    is_enabled: AtomicBool,
}

impl EventBus {
    /// A bus with its rules.
    ///
    /// # Errors
    /// The position of the first rule whose pattern makes no sense, and why.
    pub(crate) fn new(
        index: Arc<Index>,
        deliveries: Arc<Deliveries>,
        rules: &[EventRule],
        region: &str,
        account: &str,
    ) -> Result<Self, (usize, PatternError)> {
        let compiled = rules.iter().enumerate().map(|(position, rule)| {
            let pattern = Pattern::parse(&rule.pattern).map_err(|error| (position, error))?;
            let (name, function) = (rule.name.clone(), rule.function.clone());
            Ok(Rule {
                name,
                source: rule.pattern.clone(),
                pattern,
                function,
                is_enabled: AtomicBool::new(true),
            })
        });
        let rules = compiled.collect::<Result<_, _>>()?;
        Ok(Self {
            index,
            deliveries,
            rules,
            region: region.to_owned(),
            account: account.to_owned(),
        })
    }

    /// Takes an event: every rule that matches has its invocation on the disk when this returns.
    pub(crate) async fn put(&self, event: Value) -> Result<(), IndexError> {
        let matching = self.rules.iter().filter(|rule| rule.takes(&event));
        let functions: Vec<String> = matching.map(|rule| rule.function.clone()).collect();
        if functions.is_empty() {
            return Ok(());
        }
        let deliveries = Arc::clone(&self.deliveries);
        self.index
            .write(move |writer| {
                for function in &functions {
                    let delivery = Delivery {
                        service: FaultService::Events,
                        function,
                        bucket: None,
                        key: None,
                        statement: event["detail"]["statementName"].as_str(),
                        payload: event.to_string(),
                    };
                    deliveries.deliver(writer, delivery)?;
                }
                Ok(())
            })
            .await
    }

    /// Answers an operation.
    pub(crate) async fn handle(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        match operation {
            "PutEvents" => self.put_events(&request).await,
            "ListRules" => Ok(self.list_rules()),
            "EnableRule" => self.switch(&request, true),
            "DisableRule" => self.switch(&request, false),
            "TestEventPattern" => test_pattern(&request),
            _ => Err(ApiError::unknown_operation("events", operation)),
        }
    }

    async fn put_events(&self, request: &Value) -> Result<Value, ApiError> {
        let entries = request
            .get("Entries")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            let message = format!("A request puts between 1 and {MAX_ENTRIES} events.");
            return Err(ApiError::invalid("ValidationException", message));
        }
        let mut results = Vec::new();
        let mut failed = 0;
        for entry in entries {
            match self.event(entry) {
                Ok(event) => {
                    results.push(json!({ "EventId": event["id"] }));
                    self.put(event).await?;
                }
                Err(error) => {
                    failed += 1;
                    results.push(json!({ "ErrorCode": error.code, "ErrorMessage": error.message }));
                }
            }
        }
        Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
    }

    fn event(&self, entry: &Value) -> Result<Value, ApiError> {
        let detail: Value = serde_json::from_str(text(entry, "Detail")?)
            .map_err(|error| ApiError::invalid("MalformedDetail", format!("Detail is malformed: {error}")))?;
        let time = entry
            .get("Time")
            .and_then(Value::as_f64)
            .map_or_else(Moment::now, |seconds| Moment((seconds * 1000.0) as u64));
        Ok(json!({
            "version": "0",
            "id": uuid::Uuid::new_v4().to_string(),
            "detail-type": text(entry, "DetailType")?,
            "source": text(entry, "Source")?,
            "account": self.account,
            "time": time.iso8601(),
            "region": self.region,
            "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])),
            "detail": detail,
            "event-bus-name": optional_text(entry, "EventBusName").unwrap_or("default"),
        }))
    }

    /// Until the stack is started again.
    fn switch(&self, request: &Value, is_enabled: bool) -> Result<Value, ApiError> {
        let name = text(request, "Name")?;
        let rule = self.rules.iter().find(|rule| rule.name == name).ok_or_else(|| {
            ApiError::invalid(
                "ResourceNotFoundException",
                format!("Rule {name} does not exist on EventBus default."),
            )
        })?;
        rule.is_enabled.store(is_enabled, Ordering::SeqCst);
        Ok(json!({}))
    }

    fn list_rules(&self) -> Value {
        let rules = self.rules.iter().map(|rule| {
            json!({
                "Name": rule.name,
                "Arn": format!("arn:aws:events:{}:{}:rule/{}", self.region, self.account, rule.name),
                "EventPattern": rule.source.to_string(),
                "State": if rule.is_enabled.load(Ordering::SeqCst) { "ENABLED" } else { "DISABLED" },
                "EventBusName": "default",
            })
        });
        json!({ "Rules": rules.collect::<Vec<_>>() })
    }
}

impl Rule {
    fn takes(&self, event: &Value) -> bool {
        self.is_enabled.load(Ordering::SeqCst) && self.pattern.matches(event)
    }
}

/// Whether a pattern takes an event, both given as text.
fn test_pattern(request: &Value) -> Result<Value, ApiError> {
    let malformed = |error: String| ApiError::invalid("InvalidEventPatternException", error);
    let parsed = |name: &str| -> Result<Value, ApiError> {
        serde_json::from_str(text(request, name)?).map_err(|error| malformed(format!("{name}: {error}")))
    };
    let pattern = Pattern::parse(&parsed("EventPattern")?).map_err(|error| malformed(error.to_string()))?;
    Ok(json!({ "Result": pattern.matches(&parsed("Event")?) }))
}

#[async_trait::async_trait]
impl StatementEvents for EventBus {
    async fn status_changed(&self, event: StatementEvent) {
        let statement = event.statement_id;
        if let Err(error) = self.put(event.to_json()).await {
            tracing::error!(
                statement.id = %statement,
                error = &error as &dyn std::error::Error,
                "lost the status event of a statement; the reconciler has to find it"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::faults::{FaultPlan, Faults};
    use crate::lambda::Invocations;

    #[tokio::test]
    async fn the_event_of_a_struck_statement_comes_twice_and_others_once() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.redb")).unwrap();
        let invocations = Invocations::open(Arc::clone(&index), vec![Duration::ZERO]).unwrap();
        let plan =
            r#"{"rules":[{"service":"events","match":{"statement_prefix":"ours/"},"fault":"duplicate"}]}"#;
        let deliveries = Deliveries {
            invocations: Arc::clone(&invocations),
            faults: Faults::new(FaultPlan::from_json(plan).unwrap()),
        };
        let rules = [EventRule {
            name: "all".to_owned(),
            pattern: json!({ "source": ["aws.redshift-data"] }),
            function: "loader".to_owned(),
        }];
        let bus = EventBus::new(index, Arc::new(deliveries), &rules, "us-east-1", "000000000000").unwrap();
        for name in ["ours/1", "theirs"] {
            let detail = json!({ "statementName": name });
            bus.put(json!({ "source": "aws.redshift-data", "detail": detail }))
                .await
                .unwrap();
        }
        let report = invocations.report().unwrap();
        let names: Vec<&str> = report["invocations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["payload"]["detail"]["statementName"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["ours/1", "ours/1", "theirs"]);
    }
}
