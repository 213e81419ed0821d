//! "Redshift Data Statement Status Change": what EventBridge is told when a statement ends.

use async_trait::async_trait;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long the service keeps a statement, and with it what the event points to.
const RETENTION: Duration = Duration::hours(24);

/// Takes status events; the owner of the warehouse puts them on its event bus.
#[async_trait]
pub trait StatementEvents: Send + Sync {
    /// Hands over one event. It counts as delivered when this returns; a crash before means that it is handed over again.
    async fn status_changed(&self, event: StatementEvent);
}

/// A statement that was submitted with `WithEvent` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEvent {
    /// The id of the event, the same each time it is handed over.
    pub event_id: Uuid,
    /// The id of the statement, or of the batch.
    pub statement_id: Uuid,
    /// The name that the caller gave it.
    pub statement_name: Option<String>,
    /// FINISHED, FAILED or ABORTED.
    pub state: String,
    /// Rows affected or returned; -1 when that means nothing.
    pub rows: i64,
    /// The query's id; -1 for a batch.
    pub redshift_query_id: i64,
    /// When it ended.
    pub time: DateTime<Utc>,
    /// The account that owns the warehouse.
    pub account: String,
    /// The region of the warehouse.
    pub region: String,
    /// The ARN of the cluster or of the workgroup.
    pub resource: String,
}

impl StatementEvent {
    /// The whole EventBridge envelope.
    pub fn to_json(&self) -> Value {
        let mut detail = json!({
            "principal": format!("arn:aws:iam::{}:user/local", self.account),
            "statementId": self.statement_id.to_string(),
            "redshiftQueryId": self.redshift_query_id,
            "state": self.state,
            "rows": self.rows,
            "expireAt": (self.time + RETENTION).timestamp(),
        });
        if let Some(name) = &self.statement_name {
            detail["statementName"] = json!(name);
        }
        json!({
            "version": "0",
            "id": self.event_id.to_string(),
            "detail-type": "Redshift Data Statement Status Change",
            "source": "aws.redshift-data",
            "account": self.account,
            "time": self.time.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": self.region,
            "resources": [self.resource],
            "detail": detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_the_one_that_eventbridge_delivers() {
        let event = StatementEvent {
            event_id: Uuid::nil(),
            statement_id: Uuid::nil(),
            statement_name: None,
            state: "FINISHED".to_owned(),
            rows: 7,
            redshift_query_id: -1,
            time: DateTime::from_timestamp(1_601_586_866, 0).unwrap(),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            resource: "arn:aws:redshift:us-east-1:123456789012:cluster:one".to_owned(),
        };
        let envelope = event.to_json();
        assert_eq!(envelope["detail-type"], "Redshift Data Statement Status Change");
        assert_eq!(envelope["time"], "2020-10-01T21:14:26Z");
        assert_eq!(envelope["detail"]["expireAt"], 1_601_673_266_i64);
        assert!(envelope["detail"].get("statementName").is_none());
    }
}
