//! What an invocation may ask for. A schedule asks for nothing, and gets what is right every minute.

use chrono::TimeDelta;
use longshore_app::ReconcileLimits;
use longshore_app::rules::near;
use serde_json::Value;

/// What an invocation by hand may say; those of bulk loads are read elsewhere.
const KNOWN: [&str; 5] = ["idle_seconds", "loads", "paths", "copy", "cluster"];

/// An event that asks for something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MalformedEvent {
    /// Not so many.
    #[error("the event is malformed at {field}: a whole number of {unit} is expected here")]
    NoNumber { field: &'static str, unit: &'static str },
    /// Nothing that anybody knows.
    #[error("the event is malformed: {what}")]
    Unknown { what: String },
}

/// Reads `idle_seconds` and `loads`; what is not there is the default. Whatever else EventBridge says is passed over; somebody
/// who writes an event by hand is told of a slip.
pub(crate) fn limits(event: &Value) -> Result<ReconcileLimits, MalformedEvent> {
    known(event)?;
    let defaults = ReconcileLimits::default();
    let idle = number(event, "idle_seconds", "seconds")?.map(|seconds| TimeDelta::seconds(seconds.into()));
    let loads = number(event, "loads", "loads")?;
    Ok(ReconcileLimits {
        idle: idle.unwrap_or(defaults.idle),
        unannounced_after: idle.unwrap_or(defaults.unannounced_after),
        loads: loads.unwrap_or(defaults.loads),
        ..defaults
    })
}

fn known(event: &Value) -> Result<(), MalformedEvent> {
    let Some(object) = event
        .as_object()
        .filter(|object| !object.contains_key("detail-type"))
    else {
        return Ok(());
    };
    match object.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(MalformedEvent::Unknown {
            what: near::unknown("field of an event", name, KNOWN),
        }),
    }
}

fn number(event: &Value, field: &'static str, unit: &'static str) -> Result<Option<u32>, MalformedEvent> {
    let Some(value) = event.get(field) else {
        return Ok(None);
    };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or(MalformedEvent::NoNumber { field, unit })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schedule_gets_the_defaults() {
        let defaults = ReconcileLimits::default();
        let limits =
            limits(&json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} }))
                .unwrap();
        assert_eq!((limits.idle, limits.loads), (defaults.idle, defaults.loads));
    }

    #[test]
    fn whoever_invokes_it_by_hand_may_say_how_much() {
        let limits = limits(&json!({ "idle_seconds": 0, "loads": 1 })).unwrap();
        assert_eq!((limits.idle, limits.loads), (TimeDelta::zero(), 1));
    }

    #[test]
    fn a_slip_is_met_with_what_was_meant() {
        let said = |event| limits(&event).unwrap_err().to_string();
        assert_eq!(
            said(json!({ "pathes": [] })),
            "the event is malformed: \"pathes\" is no field of an event; did you mean paths?"
        );
        assert!(said(json!({ "key1": 1 })).contains("there are idle_seconds, loads, paths"));
    }

    #[test]
    fn what_is_no_number_is_refused_by_its_name() {
        for value in [
            json!(-1),
            json!("5"),
            json!(null),
            json!(1.5),
            json!(5_000_000_000_u64),
        ] {
            let error = limits(&json!({ "idle_seconds": value })).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the event is malformed at idle_seconds: a whole number of seconds is expected here"
            );
        }
    }
}
