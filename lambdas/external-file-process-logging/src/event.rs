//! "Redshift Data Statement Status Change", as far as it is needed.
//!
//! AWS documents two shapes of its `detail`. Every field but the statement's id may be missing, and unknown ones are
//! ignored: the event only says where to look.

use longshore_app::StatementStatus;
use serde_json::Value;

/// An event that names no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event is malformed at detail.statementId: a text is expected here, as in a Redshift Data Statement Status Change"
)]
pub(crate) struct MalformedEvent;

/// Reads an event.
pub(crate) fn decode(event: &Value) -> Result<StatementStatus, MalformedEvent> {
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    Ok(StatementStatus {
        statement_id: text("/detail/statementId").ok_or(MalformedEvent)?.to_owned(),
        statement_name: text("/detail/statementName").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_documented_shapes_are_read() {
        let current = json!({ "detail": {
            "principal": "arn:aws:iam::123456789012:user/u", "statementName": "longshore/x/load/1", "statementId": "dd2e",
            "redshiftQueryId": -1, "state": "FINISHED", "rows": 1, "expireAt": 1601673265,
        } });
        let older = json!({ "detail": { "statementId": "dd2e", "clusterId": "c", "expireAt": "2020-10-02", "pages": 1 } });
        assert_eq!(
            decode(&current).unwrap().statement_name.as_deref(),
            Some("longshore/x/load/1")
        );
        let status = decode(&older).unwrap();
        assert_eq!(
            (status.statement_id.as_str(), status.statement_name),
            ("dd2e", None)
        );
    }

    #[test]
    fn an_event_without_a_statement_is_malformed() {
        for event in [
            json!({}),
            json!({ "detail": { "statementId": 5 } }),
            json!({ "detail": { "statementId": "" } }),
        ] {
            assert_eq!(decode(&event).unwrap_err(), MalformedEvent, "{event}");
        }
    }
}
