//! Event patterns: what EventBridge and SNS filter policies compare an event with.
//!
//! A field of a pattern lists what its value may be; all fields must hold. A field of an event that is an array matches
//! when one of its elements does.

use serde_json::{Map, Number, Value};

/// Why a pattern makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {reason}")]
pub(crate) struct PatternError {
    /// The place in the pattern: `detail.state`.
    path: String,
    reason: String,
}

/// A pattern that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    fields: Vec<(String, Field)>,
    alternatives: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Nested(Pattern),
    AnyOf(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(Value),
    Prefix(Text),
    Suffix(Text),
    EqualsIgnoringCase(String),
    Wildcard(String),
    NoneOf(Vec<Test>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(Presence),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

/// A text to compare with, in its case or in any.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    Exact(String),
    AnyCase(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(value: &Value) -> Result<Self, PatternError> {
        Self::parse_at("", value)
    }

    /// Whether an event is one of those that the pattern describes.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        let fields_hold = self
            .fields
            .iter()
            .all(|(name, field)| field.matches(event.get(name)));
        fields_hold
            && (self.alternatives.is_empty()
                || self.alternatives.iter().any(|pattern| pattern.matches(event)))
    }

    fn parse_at(path: &str, value: &Value) -> Result<Self, PatternError> {
        let Value::Object(object) = value else {
            return Err(error(path, "a pattern is an object"));
        };
        if object.is_empty() {
            return Err(error(path, "an empty object matches nothing that could be meant"));
        }
        let mut pattern = Self {
            fields: Vec::new(),
            alternatives: Vec::new(),
        };
        for (name, value) in object {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            if name == "$or" {
                pattern.alternatives = alternatives(&path, value)?;
            } else {
                pattern.fields.push((name.clone(), Field::parse(&path, value)?));
            }
        }
        Ok(pattern)
    }
}

fn alternatives(path: &str, value: &Value) -> Result<Vec<Pattern>, PatternError> {
    let alternatives = value.as_array().filter(|alternatives| alternatives.len() > 1);
    let alternatives =
        alternatives.ok_or_else(|| error(path, "$or needs an array of at least two patterns"))?;
    alternatives
        .iter()
        .map(|alternative| Pattern::parse_at(path, alternative))
        .collect()
}

impl Field {
    fn parse(path: &str, value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(_) => Ok(Self::Nested(Pattern::parse_at(path, value)?)),
            Value::Array(tests) if tests.is_empty() => Err(error(path, "an empty array matches nothing")),
            Value::Array(tests) => Ok(Self::AnyOf(
                tests
                    .iter()
                    .map(|test| Test::parse(path, test))
                    .collect::<Result<_, _>>()?,
            )),
            _ => Err(error(path, "write a value to match in an array: [\"value\"]")),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Nested(pattern), Some(Value::Array(elements))) => {
                elements.iter().any(|one| pattern.matches(one))
            }
            (Self::Nested(pattern), value) => pattern.matches(value.unwrap_or(&Value::Null)),
            (Self::AnyOf(tests), value) => tests.iter().any(|test| test.matches(value)),
        }
    }
}

impl Test {
    fn parse(path: &str, value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(object) => Self::parse_operator(path, object),
            Value::Array(_) => Err(error(path, "an array cannot stand in an array")),
            scalar => Ok(Self::Equals(scalar.clone())),
        }
    }

    fn parse_operator(path: &str, object: &Map<String, Value>) -> Result<Self, PatternError> {
        let mut entries = object.iter();
        let (Some((operator, argument)), None) = (entries.next(), entries.next()) else {
            return Err(error(path, "a test has exactly one operator"));
        };
        let path = format!("{path}.{operator}");
        let text = || {
            argument
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| error(&path, "the operator takes a text"))
        };
        match operator.as_str() {
            "prefix" => Text::parse(&path, argument).map(Self::Prefix),
            "suffix" => Text::parse(&path, argument).map(Self::Suffix),
            "equals-ignore-case" => text().map(Self::EqualsIgnoringCase),
            "wildcard" => text().map(Self::Wildcard),
            "anything-but" => none_of(&path, argument).map(Self::NoneOf),
            "numeric" => numeric(&path, argument).map(Self::Numeric),
            "exists" => match argument {
                Value::Bool(true) => Ok(Self::Exists(Presence::Present)),
                Value::Bool(false) => Ok(Self::Exists(Presence::Absent)),
                _ => Err(error(&path, "exists takes true or false")),
            },
            _ => Err(error(&path, "the operator is not known here")),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(presence), value) => value.is_some() == (*presence == Presence::Present),
            (_, None) => false,
            (Self::NoneOf(tests), Some(Value::Array(elements))) => elements
                .iter()
                .any(|one| tests.iter().all(|test| !test.holds(one))),
            (test, Some(Value::Array(elements))) => elements.iter().any(|one| test.holds(one)),
            (test, Some(value)) => test.holds(value),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Equals(Value::Number(expected)) => value
                .as_number()
                .is_some_and(|number| are_equal(number, expected)),
            Self::Equals(expected) => value == expected,
            Self::Prefix(prefix) => text.is_some_and(|text| prefix.begins(text)),
            Self::Suffix(suffix) => text.is_some_and(|text| suffix.ends(text)),
            Self::EqualsIgnoringCase(expected) => {
                text.is_some_and(|text| text.to_lowercase() == expected.to_lowercase())
            }
            Self::Wildcard(wildcard) => text.is_some_and(|text| fits(wildcard.as_bytes(), text.as_bytes())),
            Self::NoneOf(tests) => tests.iter().all(|test| !test.holds(value)),
            Self::Numeric(bounds) => value.as_f64().is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists(presence) => *presence == Presence::Present,
        }
    }
}

impl Text {
    fn parse(path: &str, value: &Value) -> Result<Self, PatternError> {
        if let Some(text) = value.as_str() {
            return Ok(Self::Exact(text.to_owned()));
        }
        let any_case = value.get("equals-ignore-case").and_then(Value::as_str);
        any_case
            .map(|text| Self::AnyCase(text.to_lowercase()))
            .ok_or_else(|| error(path, "the operator takes a text"))
    }

    fn begins(&self, text: &str) -> bool {
        match self {
            Self::Exact(prefix) => text.starts_with(prefix),
            Self::AnyCase(prefix) => text.to_lowercase().starts_with(prefix),
        }
    }

    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Exact(suffix) => text.ends_with(suffix),
            Self::AnyCase(suffix) => text.to_lowercase().ends_with(suffix),
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "<" => Some(Self::Less),
            "<=" => Some(Self::LessOrEqual),
            "=" => Some(Self::Equal),
            ">=" => Some(Self::GreaterOrEqual),
            ">" => Some(Self::Greater),
            _ => None,
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Equal => number == bound,
            Self::GreaterOrEqual => number >= bound,
            Self::Greater => number > bound,
        }
    }
}

/// What `anything-but` excludes: one thing or several, plain values or texts by their beginning or end. Several texts
/// may also stand in one operator: `{"anything-but": {"prefix": ["a", "b"]}}`.
fn none_of(path: &str, argument: &Value) -> Result<Vec<Test>, PatternError> {
    match argument {
        Value::Array(values) if !values.is_empty() => {
            values.iter().map(|value| Test::parse(path, value)).collect()
        }
        Value::Array(_) => Err(error(path, "an empty array excludes nothing")),
        Value::Object(operator) => match operator.iter().next() {
            Some((name, Value::Array(texts))) => texts
                .iter()
                .map(|text| Test::parse_operator(path, &Map::from_iter([(name.clone(), text.clone())])))
                .collect(),
            _ => Ok(vec![Test::parse_operator(path, operator)?]),
        },
        scalar => Ok(vec![Test::Equals(scalar.clone())]),
    }
}

fn numeric(path: &str, argument: &Value) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let refuse = || {
        error(
            path,
            "numeric takes comparisons and numbers in turn: [\">\", 0, \"<=\", 5]",
        )
    };
    let parts = argument
        .as_array()
        .filter(|parts| matches!(parts.len(), 2 | 4))
        .ok_or_else(refuse)?;
    parts
        .chunks_exact(2)
        .map(|pair| match pair {
            [comparison, bound] => {
                let comparison = comparison
                    .as_str()
                    .and_then(Comparison::parse)
                    .ok_or_else(refuse)?;
                Ok((comparison, bound.as_f64().ok_or_else(refuse)?))
            }
            _ => Err(refuse()),
        })
        .collect()
}

/// `1` and `1.0` are one number; large whole numbers are compared exactly.
fn are_equal(left: &Number, right: &Number) -> bool {
    left == right || (left.is_f64() != right.is_f64() && left.as_f64() == right.as_f64())
}

/// Whether a text fits a pattern in which `*` stands for any number of characters and `\` takes the next one literally.
fn fits(wildcard: &[u8], text: &[u8]) -> bool {
    match wildcard {
        [] => text.is_empty(),
        [b'*', rest @ ..] => {
            (0..=text.len()).any(|skipped| fits(rest, text.get(skipped..).unwrap_or_default()))
        }
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => text
            .split_first()
            .is_some_and(|(first, text)| first == literal && fits(rest, text)),
    }
}

fn error(path: &str, reason: &str) -> PatternError {
    let path = if path.is_empty() {
        "the top".to_owned()
    } else {
        path.to_owned()
    };
    PatternError {
        path,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(pattern: Value, event: Value) -> bool {
        Pattern::parse(&pattern).unwrap().matches(&event)
    }

    #[test]
    fn each_kind_of_test_takes_what_eventbridge_takes_and_nothing_else() {
        let event = json!({
            "source": "aws.redshift-data", "state": "FINISHED", "rows": 5, "ratio": 1.0, "gone": null,
            "tags": ["a", "b"], "detail": { "statementName": "longshore/1", "deep": { "x": true } },
        });
        let table = [
            (json!({ "source": ["aws.redshift-data"] }), true),
            (json!({ "source": ["other", "aws.redshift-data"] }), true),
            (json!({ "source": ["AWS.redshift-data"] }), false),
            (
                json!({ "source": [{ "equals-ignore-case": "AWS.Redshift-Data" }] }),
                true,
            ),
            (json!({ "source": [{ "prefix": "aws." }] }), true),
            (json!({ "source": [{ "prefix": "gcp." }] }), false),
            (
                json!({ "source": [{ "prefix": { "equals-ignore-case": "AWS." } }] }),
                true,
            ),
            (json!({ "source": [{ "suffix": "-data" }] }), true),
            (json!({ "source": [{ "suffix": "-date" }] }), false),
            (json!({ "source": [{ "wildcard": "aws.*-data" }] }), true),
            (json!({ "source": [{ "wildcard": "aws.*-date" }] }), false),
            (json!({ "state": [{ "anything-but": "FAILED" }] }), true),
            (
                json!({ "state": [{ "anything-but": ["FAILED", "FINISHED"] }] }),
                false,
            ),
            (
                json!({ "state": [{ "anything-but": { "prefix": "FIN" } }] }),
                false,
            ),
            (
                json!({ "state": [{ "anything-but": { "suffix": ["X", "Y"] } }] }),
                true,
            ),
            (json!({ "absent": [{ "anything-but": "x" }] }), false),
            (json!({ "rows": [5] }), true),
            (json!({ "rows": ["5"] }), false),
            (json!({ "ratio": [1] }), true),
            (json!({ "rows": [{ "numeric": [">", 0, "<=", 5] }] }), true),
            (json!({ "rows": [{ "numeric": ["<", 5] }] }), false),
            (json!({ "state": [{ "numeric": ["=", 5] }] }), false),
            (json!({ "gone": [null] }), true),
            (json!({ "gone": [{ "exists": true }] }), true),
            (json!({ "absent": [null] }), false),
            (json!({ "absent": [{ "exists": false }] }), true),
            (json!({ "absent": [{ "exists": true }] }), false),
            (json!({ "tags": ["b"] }), true),
            (json!({ "tags": ["c"] }), false),
            (
                json!({ "detail": { "statementName": [{ "prefix": "longshore/" }] } }),
                true,
            ),
            (json!({ "detail": { "deep": { "x": [true] } } }), true),
            (json!({ "detail": { "none": { "x": [true] } } }), false),
            (
                json!({ "detail": { "none": { "x": [{ "exists": false }] } } }),
                true,
            ),
            (
                json!({ "state": ["FAILED"], "source": ["aws.redshift-data"] }),
                false,
            ),
            (json!({ "$or": [{ "state": ["FAILED"] }, { "rows": [5] }] }), true),
            (
                json!({ "$or": [{ "state": ["FAILED"] }, { "rows": [6] }] }),
                false,
            ),
        ];
        for (pattern, expected) in table {
            assert_eq!(verdict(pattern.clone(), event.clone()), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_makes_no_sense_names_its_place() {
        let table = [
            (json!([]), "at the top: a pattern is an object"),
            (
                json!({}),
                "at the top: an empty object matches nothing that could be meant",
            ),
            (
                json!({ "detail": { "state": "FAILED" } }),
                "at detail.state: write a value to match in an array: [\"value\"]",
            ),
            (json!({ "state": [] }), "at state: an empty array matches nothing"),
            (
                json!({ "state": [{ "prefx": "a" }] }),
                "at state.prefx: the operator is not known here",
            ),
            (
                json!({ "state": [{ "exists": "yes" }] }),
                "at state.exists: exists takes true or false",
            ),
        ];
        for (pattern, expected) in table {
            assert_eq!(Pattern::parse(&pattern).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_shipped_pattern_takes_the_end_of_our_statements_alone() {
        let mut shipped: Value =
            serde_json::from_str(include_str!("../../../event-patterns/load-status.json")).unwrap();
        let prefix = &mut shipped["detail"]["statementName"][0]["prefix"];
        assert_eq!(*prefix, json!({ "Fn::Sub": "${AWS::StackName}/" }));
        *prefix = json!("longshore/");
        let pattern = Pattern::parse(&shipped).unwrap();
        let event = |name: Value, state: &str| {
            json!({
                "source": "aws.redshift-data",
                "detail-type": "Redshift Data Statement Status Change",
                "resources": ["arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/w"],
                "detail": { "statementName": name, "statementId": "1", "state": state },
            })
        };
        for state in ["FINISHED", "FAILED", "ABORTED"] {
            assert!(
                pattern.matches(&event(json!("longshore/load/1"), state)),
                "{state}"
            );
        }
        assert!(!pattern.matches(&event(json!("longshore/load/1"), "STARTED")));
        assert!(!pattern.matches(&event(json!("someone-else"), "FINISHED")));
        assert!(!pattern.matches(&event(json!("longshore-two/load/1"), "FINISHED")));
        assert!(!pattern.matches(&event(Value::Null, "FINISHED")));
    }
}
