//! What a policy allows, with the template's parameters put in, held against what is done under it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

/// Actions that name no resource: IAM lets them name none, or Lambda does not know it beforehand.
const WITHOUT_RESOURCE: [&str; 22] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "redshift-data:CancelStatement",
    "redshift-data:DescribeStatement",
    "redshift-data:GetStatementResult",
    "redshift-data:ListStatements",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// One action on one resource: done, or needed. `*` is the resource of an action that names none.
pub(super) type Use = (String, String);

/// An action on a resource.
pub(super) fn used(action: &str, resource: &str) -> Use {
    (action.to_owned(), resource.to_owned())
}

/// One action that a statement allows on what a pattern matches.
#[derive(Debug, Clone)]
struct Grant {
    sid: String,
    action: String,
    pattern: String,
}

/// A policy with the parameters of a deployment.
#[derive(Debug)]
pub(super) struct Policy {
    file: String,
    grants: Vec<Grant>,
}

impl Policy {
    /// Reads a file of `orchestration/policies`.
    pub(super) fn read(file: &str, parameters: &BTreeMap<&str, String>) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../orchestration/policies");
        let text = std::fs::read_to_string(folder.join(file)).with_context(|| format!("read {file}"))?;
        Self::of(file, &serde_json::from_str(&text)?, parameters)
    }

    /// A policy as CloudFormation makes it, for a provisioned cluster and secrets of the template's own. What is denied takes
    /// away from what is allowed elsewhere and is left out.
    pub(super) fn of(
        file: &str,
        document: &Value,
        parameters: &BTreeMap<&str, String>,
    ) -> anyhow::Result<Self> {
        let mut grants = Vec::new();
        let statements = document["Statement"].as_array().context("statements")?;
        for statement in statements
            .iter()
            .filter(|statement| statement["Effect"] == "Allow")
        {
            let sid = statement["Sid"].as_str().context("a Sid")?;
            for action in listed(&statement["Action"]) {
                for resource in listed(&statement["Resource"]) {
                    grants.push(Grant {
                        sid: sid.to_owned(),
                        action: action.as_str().context("an action")?.to_owned(),
                        pattern: resolved(resource, parameters).with_context(|| format!("{file}: {sid}"))?,
                    });
                }
            }
        }
        Ok(Self {
            file: file.to_owned(),
            grants,
        })
    }

    /// What is wrong with it: a use that it does not allow, a right on a resource that nothing uses, and a right that reaches
    /// what is none of ours.
    pub(super) fn faults(&self, uses: &BTreeSet<Use>, outsiders: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        for (action, resource) in uses {
            if !self.grants.iter().any(|grant| grant.allows(action, resource)) {
                faults.push(format!("{}: nothing allows {action} on {resource}", self.file));
            }
        }
        for Grant { sid, action, pattern } in &self.grants {
            let is_used = uses
                .iter()
                .any(|(used, resource)| used == action && matches(pattern, resource));
            if !is_used {
                faults.push(format!(
                    "{}: {sid}: nothing needs {action} on {pattern}",
                    self.file
                ));
            }
            if WITHOUT_RESOURCE.contains(&action.as_str()) {
                continue;
            }
            let reached = outsiders.iter().filter(|outsider| matches(pattern, outsider));
            faults.extend(
                reached.map(|outsider| {
                    format!("{}: {sid}: {action} on {pattern} reaches {outsider}", self.file)
                }),
            );
        }
        faults
    }
}

impl Grant {
    fn allows(&self, action: &str, resource: &str) -> bool {
        self.action == action && matches(&self.pattern, resource)
    }
}

fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

fn resolved(resource: &Value, parameters: &BTreeMap<&str, String>) -> anyhow::Result<String> {
    let parameter = |name: &str| {
        parameters
            .get(name)
            .with_context(|| format!("no parameter {name}"))
    };
    if let Some(text) = resource.as_str() {
        return Ok(text.to_owned());
    }
    if let Some(name) = resource["Ref"].as_str() {
        return parameter(name).cloned();
    }
    if let [condition, yes, no] = resource["Fn::If"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        return resolved(if condition == "IsServerless" { no } else { yes }, parameters);
    }
    let Some(mut rest) = resource["Fn::Sub"].as_str() else {
        bail!("{resource} is nothing that this test can resolve");
    };
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').context("a closing brace")?;
        text.push_str(before);
        text.push_str(parameter(name)?);
        rest = after;
    }
    Ok(text + rest)
}

/// IAM's own wildcard: `*` is any number of characters, slashes and colons among them.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(resource: Value) -> Vec<String> {
        let document = json!({ "Statement": [
            { "Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": resource }
        ] });
        let parameters = BTreeMap::from([("Bucket", "landing".to_owned())]);
        let policy = Policy::of("p.json", &document, &parameters).unwrap();
        let uses = BTreeSet::from([
            used("s3:GetObject", "arn:aws:s3:::landing/in/a"),
            used("s3:GetObject", "arn:aws:s3:::landing/archive/7/a"),
        ]);
        policy.faults(&uses, &["arn:aws:s3:::landing/elsewhere/a".to_owned()])
    }

    const IN: &str = "arn:aws:s3:::${Bucket}/in/*";
    const ARCHIVE: &str = "arn:aws:s3:::${Bucket}/archive/*";

    #[test]
    fn a_policy_that_fits_has_no_fault() {
        let fits = json!([{ "Fn::Sub": IN }, { "Fn::Sub": ARCHIVE }]);
        assert_eq!(faults(fits), Vec::<String>::new());
    }

    #[test]
    fn a_resource_that_is_missing_is_a_fault() {
        assert_eq!(
            faults(json!({ "Fn::Sub": IN })),
            ["p.json: nothing allows s3:GetObject on arn:aws:s3:::landing/archive/7/a"]
        );
    }

    #[test]
    fn a_resource_that_is_too_wide_is_a_fault() {
        assert_eq!(
            faults(json!({ "Fn::Sub": "arn:aws:s3:::${Bucket}/*" })),
            ["p.json: Read: s3:GetObject on arn:aws:s3:::landing/* reaches arn:aws:s3:::landing/elsewhere/a"]
        );
        assert_eq!(faults(json!("*")).len(), 1);
    }

    #[test]
    fn a_resource_that_nothing_needs_is_a_fault() {
        let more = json!([{ "Fn::Sub": IN }, { "Fn::Sub": ARCHIVE }, { "Fn::Sub": "arn:aws:s3:::${Bucket}/work/*" }]);
        assert_eq!(
            faults(more),
            ["p.json: Read: nothing needs s3:GetObject on arn:aws:s3:::landing/work/*"]
        );
    }

    #[test]
    fn wildcards_match_as_iam_does_it() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*c", "a/b:c", true),
            ("a*c", "a/b:cd", false),
            ("*:b:*", "a:b:c", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
