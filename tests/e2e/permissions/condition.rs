//! The conditions of a policy's statement, held against what is known of a call.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::Value;

use super::policy::{Deployment, listed, matches};

/// What is known of a call besides its action and its resource: the values of IAM's condition keys.
pub(super) type Circumstances = BTreeMap<String, Vec<String>>;

/// One operator with one key.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    quantifier: Quantifier,
    /// `…IfExists`: a call without the key passes.
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringLike,
    ArnLike,
    Bool,
}

/// What of a key that has many values must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The key has one value.
    One,
    /// Every value, and so a key without one.
    All,
    Any,
}

impl Condition {
    /// That a key has one of these values.
    pub(super) fn is_one_of(key: &str, values: Vec<String>) -> Self {
        Self {
            operator: Operator::StringEquals,
            quantifier: Quantifier::One,
            if_exists: false,
            key: key.to_owned(),
            values,
        }
    }

    /// Reads a `Condition` element. All of what it says must hold.
    pub(super) fn read(element: &Value, deployment: &Deployment) -> anyhow::Result<Vec<Self>> {
        let mut all = Vec::new();
        if element.is_null() {
            return Ok(all);
        }
        for (operator, keys) in element.as_object().context("operators")? {
            for (key, values) in keys.as_object().with_context(|| format!("keys of {operator}"))? {
                let values = listed(values)
                    .into_iter()
                    .map(|value| deployment.resolved(value))
                    .collect::<anyhow::Result<Vec<String>>>()?;
                all.push(Self::of(operator, key, values).with_context(|| format!("{operator} {key}"))?);
            }
        }
        Ok(all)
    }

    fn of(operator: &str, key: &str, values: Vec<String>) -> anyhow::Result<Self> {
        let (quantifier, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some((other, _)) => bail!("nobody has said what {other} means"),
            None => (Quantifier::One, operator),
        };
        let name = rest.strip_suffix("IfExists").unwrap_or(rest);
        let known = match name {
            "StringEquals" => Operator::StringEquals,
            "StringLike" => Operator::StringLike,
            // The two are the same to IAM.
            "ArnLike" | "ArnEquals" => Operator::ArnLike,
            "Bool" => Operator::Bool,
            other => bail!("nobody has said what the operator {other} does"),
        };
        if let Some(variable) = values.iter().find(|value| value.contains("${")) {
            bail!("nobody has said what the variable in {variable} is");
        }
        Ok(Self {
            operator: known,
            quantifier,
            if_exists: name.len() < rest.len(),
            key: key.to_owned(),
            values,
        })
    }

    /// Whether it holds of a call. A key's name has no case.
    pub(super) fn holds(&self, circumstances: &Circumstances) -> bool {
        let given = circumstances
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(&self.key))
            .map(|(_, values)| values.as_slice());
        let matching = |value: &String| {
            self.values
                .iter()
                .any(|wanted| self.operator.matches(wanted, value))
        };
        match (given, self.quantifier) {
            (None, Quantifier::All) => true,
            (None, _) => self.if_exists,
            (Some(values), Quantifier::All) => values.iter().all(matching),
            (Some(values), Quantifier::Any) => values.iter().any(matching),
            (Some(values), Quantifier::One) => matches!(values, [value] if matching(value)),
        }
    }

    /// The same with values that nothing has.
    pub(super) fn spoilt(&self) -> Self {
        let spoilt = |value: &String| match self.operator {
            Operator::Bool => (value != "true").to_string(),
            _ => format!("{value}-broken"),
        };
        Self {
            values: self.values.iter().map(spoilt).collect(),
            ..self.clone()
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl Operator {
    fn matches(self, wanted: &str, value: &str) -> bool {
        match self {
            Self::StringEquals => wanted == value,
            Self::StringLike => matches(wanted, value),
            Self::ArnLike => arn_matches(wanted, value),
            Self::Bool => wanted.eq_ignore_ascii_case(value),
        }
    }
}

/// Each of an ARN's six parts by itself: a wildcard reaches over no colon but within the last.
fn arn_matches(wanted: &str, value: &str) -> bool {
    let (wanted, value): (Vec<&str>, Vec<&str>) =
        (wanted.splitn(6, ':').collect(), value.splitn(6, ':').collect());
    wanted.len() == value.len()
        && wanted
            .iter()
            .zip(value)
            .all(|(wanted, value)| matches(wanted, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(element: &Value, given: &[(&str, &[&str])]) -> bool {
        let conditions = Condition::read(element, &Deployment::default()).unwrap();
        let circumstances = given
            .iter()
            .map(|(key, values)| {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                ((*key).to_owned(), values)
            })
            .collect();
        conditions.iter().all(|condition| condition.holds(&circumstances))
    }

    #[test]
    fn operators_compare_as_iam_does_it() {
        for (operator, wanted, given, expected) in [
            ("StringEquals", json!("a"), "a", true),
            ("StringEquals", json!("a*"), "ab", false),
            ("StringEquals", json!(["b", "a"]), "a", true),
            ("StringLike", json!("*:reader-*"), "AROA:reader-ann", true),
            ("StringLike", json!("*:reader-?"), "AROA:reader-ann", false),
            (
                "ArnLike",
                json!("arn:aws:events:r:1:rule/s-*"),
                "arn:aws:events:r:1:rule/s-a",
                true,
            ),
            (
                "ArnLike",
                json!("arn:aws:events:*:rule/s-a"),
                "arn:aws:events:r:1:rule/s-a",
                false,
            ),
            ("ArnEquals", json!("arn:aws:s3:::b"), "arn:aws:s3:::b", true),
            ("Bool", json!("false"), "False", true),
            ("Bool", json!("false"), "true", false),
        ] {
            let element = json!({ operator: { "aws:Key": wanted } });
            assert_eq!(
                holds(&element, &[("aws:key", &[given])]),
                expected,
                "{element} {given}"
            );
        }
    }

    #[test]
    fn a_key_that_a_call_lacks_holds_only_where_that_is_said() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringEqualsIfExists", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAllValues:StringEquals", true),
        ] {
            assert_eq!(
                holds(&json!({ operator: { "k": "a" } }), &[]),
                expected,
                "{operator}"
            );
        }
    }

    #[test]
    fn of_many_values_one_or_all_must_match() {
        for (operator, given, expected) in [
            ("ForAnyValue:StringLike", &["a1", "b"][..], true),
            ("ForAnyValue:StringLike", &["b"], false),
            ("ForAllValues:StringLike", &["a1", "b"], false),
            ("ForAllValues:StringLike", &["a1", "a2"], true),
            ("StringLike", &["a1", "a2"], false),
        ] {
            assert_eq!(
                holds(&json!({ operator: { "k": "a*" } }), &[("k", given)]),
                expected,
                "{operator} {given:?}"
            );
        }
    }

    #[test]
    fn all_of_a_condition_must_hold() {
        let element = json!({ "StringEquals": { "k": "a" }, "Bool": { "secure": "true" } });
        assert!(holds(&element, &[("k", &["a"]), ("secure", &["true"])]));
        assert!(!holds(&element, &[("k", &["a"]), ("secure", &["false"])]));
        assert!(!holds(&element, &[("k", &["b"]), ("secure", &["true"])]));
    }

    #[test]
    fn what_the_test_does_not_know_is_refused_and_not_passed_over() {
        for (element, fault) in [
            (
                json!({ "StringNotLike": { "k": "a" } }),
                "nobody has said what the operator StringNotLike does",
            ),
            (
                json!({ "NumericLessThan": { "k": "1" } }),
                "nobody has said what the operator NumericLessThan does",
            ),
            (
                json!({ "ForSome:StringLike": { "k": "a" } }),
                "nobody has said what ForSome means",
            ),
            (
                json!({ "StringLike": { "k": "${aws:userid}" } }),
                "nobody has said what the variable in ${aws:userid} is",
            ),
        ] {
            let error = Condition::read(&element, &Deployment::default()).unwrap_err();
            assert!(format!("{error:#}").ends_with(fault), "{error:#}");
        }
    }
}
