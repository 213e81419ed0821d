//! What a policy allows, with the template's parameters put in, held against what is done under it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::condition::{Circumstances, Condition};

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
/// Under which key a statement's `Principal` is looked at, as if it were a condition.
const PRINCIPAL: &str = "Principal";

/// One action on one resource, done or tried, and how. `*` is the resource of an action that names none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    action: String,
    pub(super) resource: String,
    circumstances: Circumstances,
}

/// An action on a resource.
pub(super) fn used(action: &str, resource: &str) -> Use {
    Use {
        action: action.to_owned(),
        resource: resource.to_owned(),
        circumstances: Circumstances::new(),
    }
}

impl Use {
    /// The same where a condition key has this value.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.circumstances.insert(key.to_owned(), vec![value.to_owned()]);
        self
    }

    /// The same by this service or role.
    pub(super) fn by(self, principal: &str) -> Self {
        self.with(PRINCIPAL, principal)
    }

    pub(super) fn is(&self, action: &str) -> bool {
        self.action == action
    }
}

/// What the template's parameters and resources are called, and which of its conditions do not hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Deployment {
    pub(super) parameters: BTreeMap<&'static str, String>,
    pub(super) does_not_hold: Vec<&'static str>,
}

/// What becomes of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Allowed,
    /// Nothing is said of it, so a role may not; of a resource, the caller's own policy decides.
    Silent,
    Denied,
}

/// What a policy is held to.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// It allows these, and nothing that none of them needs.
    pub(super) allowed: BTreeSet<Use>,
    /// It says no word against these, which another policy allows.
    pub(super) let_pass: BTreeSet<Use>,
    /// It does not allow these.
    pub(super) refused: BTreeSet<Use>,
    /// It denies these, whatever else allows them.
    pub(super) denied: BTreeSet<Use>,
}

#[derive(Debug, Clone)]
struct Statement {
    sid: String,
    denies: bool,
    actions: Actions,
    patterns: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone)]
enum Actions {
    These(Vec<String>),
    AllBut(Vec<String>),
}

/// A policy with the parameters of a deployment.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    name: String,
    statements: Vec<Statement>,
}

impl Policy {
    /// Reads a file of `orchestration/policies`.
    pub(super) fn read(file: &str, deployment: &Deployment) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../orchestration/policies");
        let text = std::fs::read_to_string(folder.join(file)).with_context(|| format!("read {file}"))?;
        Self::of(file, &serde_json::from_str(&text)?, deployment)
    }

    /// A policy as CloudFormation makes it.
    pub(super) fn of(name: &str, document: &Value, deployment: &Deployment) -> anyhow::Result<Self> {
        let mut statements = Vec::new();
        for (index, statement) in document["Statement"]
            .as_array()
            .context("statements")?
            .iter()
            .enumerate()
        {
            let Some(statement) = deployment.chosen(statement) else {
                continue;
            };
            let read = Statement::read(index + 1, statement, deployment);
            statements.push(read.with_context(|| format!("{name}: statement {}", index + 1))?);
        }
        Ok(Self {
            name: name.to_owned(),
            statements,
        })
    }

    /// What is wrong with it: what it is held to and does not do, a right on a resource that nothing uses, and a right that
    /// reaches what is none of ours.
    pub(super) fn faults(&self, expected: &Expected, outsiders: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut judge = |uses: &BTreeSet<Use>, is_right: fn(Decision) -> bool, what: &str| {
            let wrong = uses.iter().filter(|one| !is_right(self.decision(one)));
            faults.extend(wrong.map(|one| format!("{}: {what} {}", self.name, one.told())));
        };
        judge(
            &expected.allowed,
            |decision| decision == Decision::Allowed,
            "nothing allows",
        );
        judge(
            &expected.let_pass,
            |decision| decision != Decision::Denied,
            "it denies",
        );
        judge(
            &expected.refused,
            |decision| decision != Decision::Allowed,
            "it allows",
        );
        judge(
            &expected.denied,
            |decision| decision == Decision::Denied,
            "nothing denies",
        );
        for statement in self.statements.iter().filter(|statement| !statement.denies) {
            faults.extend(statement.excess(&self.name, &expected.allowed, outsiders));
        }
        faults
    }

    /// The policy with one condition spoilt or left out, or one denial left out, each time with a word about it. A test that
    /// finds nothing wrong with one of these would not notice if the policy itself became it.
    pub(super) fn broken(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for (at, statement) in self.statements.iter().enumerate() {
            if statement.denies {
                let mut without = self.clone();
                without.statements.remove(at);
                all.push((format!("{}: without {}", self.name, statement.sid), without));
            }
            for (index, condition) in statement.conditions.iter().enumerate() {
                let place = format!("{}: {}: {}", self.name, statement.sid, condition.key());
                let mut spoilt = self.clone();
                spoilt.statements[at].conditions[index] = condition.spoilt();
                all.push((format!("{place} spoilt"), spoilt));
                let mut without = self.clone();
                without.statements[at].conditions.remove(index);
                all.push((format!("{place} left out"), without));
            }
        }
        all
    }

    fn decision(&self, one: &Use) -> Decision {
        let concerned: Vec<&Statement> = self
            .statements
            .iter()
            .filter(|statement| statement.concerns(one))
            .collect();
        match concerned.as_slice() {
            [] => Decision::Silent,
            all if all.iter().any(|statement| statement.denies) => Decision::Denied,
            _ => Decision::Allowed,
        }
    }
}

impl Statement {
    fn read(number: usize, statement: &Value, deployment: &Deployment) -> anyhow::Result<Self> {
        let texts = |value: &Value| -> anyhow::Result<Vec<String>> {
            listed(value)
                .into_iter()
                .map(|item| item.as_str().map(str::to_owned).context("an action"))
                .collect()
        };
        let actions = match (&statement["Action"], &statement["NotAction"]) {
            (these, Value::Null) => Actions::These(texts(these)?),
            (Value::Null, but) => Actions::AllBut(texts(but)?),
            _ => bail!("Action and NotAction at once"),
        };
        let mut conditions = Condition::read(&statement["Condition"], deployment)?;
        conditions.extend(principals(&statement["Principal"], deployment)?);
        Ok(Self {
            sid: statement["Sid"]
                .as_str()
                .map_or_else(|| format!("statement {number}"), str::to_owned),
            denies: match statement["Effect"].as_str() {
                Some("Allow") => false,
                Some("Deny") => true,
                other => bail!("the effect {other:?}"),
            },
            actions,
            // A role's trust policy is about the role.
            patterns: match &statement["Resource"] {
                Value::Null => vec!["*".to_owned()],
                resources => deployment.all_resolved(resources)?,
            },
            conditions,
        })
    }

    fn concerns(&self, one: &Use) -> bool {
        self.actions.contain(&one.action)
            && self
                .patterns
                .iter()
                .any(|pattern| matches(pattern, &one.resource))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(&one.circumstances))
    }

    /// What it allows that nothing needs, or that reaches what is not ours.
    fn excess(&self, policy: &str, uses: &BTreeSet<Use>, outsiders: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        let place = format!("{policy}: {}", self.sid);
        let Actions::These(actions) = &self.actions else {
            return vec![format!(
                "{place}: it allows all but some actions; name those that are needed"
            )];
        };
        for (action, pattern) in actions
            .iter()
            .flat_map(|action| self.patterns.iter().map(move |pattern| (action, pattern)))
        {
            let needs =
                |one: &Use| one.action == *action && matches(pattern, &one.resource) && self.concerns(one);
            if !uses.iter().any(needs) {
                faults.push(format!("{place}: nothing needs {action} on {pattern}"));
            }
            if WITHOUT_RESOURCE.contains(&action.as_str()) {
                continue;
            }
            let reached = outsiders.iter().filter(|outsider| matches(pattern, outsider));
            faults
                .extend(reached.map(|outsider| format!("{place}: {action} on {pattern} reaches {outsider}")));
        }
        faults
    }
}

impl Actions {
    fn contain(&self, action: &str) -> bool {
        match self {
            Self::These(all) => all.iter().any(|one| matches(one, action)),
            Self::AllBut(all) => !all.iter().any(|one| matches(one, action)),
        }
    }
}

impl Use {
    fn told(&self) -> String {
        let how: Vec<String> = self
            .circumstances
            .iter()
            .map(|(key, values)| format!("{key}={}", values.join(",")))
            .collect();
        let how = if how.is_empty() {
            String::new()
        } else {
            format!(" ({})", how.join(" "))
        };
        format!("{} on {}{how}", self.action, self.resource)
    }
}

impl Deployment {
    /// A text with what its names stand for.
    pub(super) fn resolved(&self, value: &Value) -> anyhow::Result<String> {
        if let Some(text) = value.as_str() {
            return Ok(text.to_owned());
        }
        if let Some(name) = value["Ref"].as_str().or_else(|| value["Fn::GetAtt"].as_str()) {
            return self.parameter(name).cloned();
        }
        if let Some([condition, yes, no]) = value["Fn::If"].as_array().map(Vec::as_slice) {
            return self.resolved(if self.holds(condition) { yes } else { no });
        }
        let Some(mut rest) = value["Fn::Sub"].as_str() else {
            bail!("{value} is nothing that this test can resolve");
        };
        let mut text = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').context("a closing brace")?;
            text.push_str(before);
            text.push_str(self.parameter(name)?);
            rest = after;
        }
        Ok(text + rest)
    }

    /// One or many texts.
    fn all_resolved(&self, value: &Value) -> anyhow::Result<Vec<String>> {
        listed(value)
            .into_iter()
            .map(|item| self.resolved(item))
            .collect()
    }

    /// What a condition of the template chooses, if that is anything.
    fn chosen<'value>(&self, value: &'value Value) -> Option<&'value Value> {
        let Some([condition, yes, no]) = value["Fn::If"].as_array().map(Vec::as_slice) else {
            return Some(value);
        };
        let chosen = if self.holds(condition) { yes } else { no };
        (chosen["Ref"] != "AWS::NoValue").then_some(chosen)
    }

    fn holds(&self, condition: &Value) -> bool {
        !self.does_not_hold.iter().any(|name| condition == name)
    }

    fn parameter(&self, name: &str) -> anyhow::Result<&String> {
        self.parameters
            .get(name)
            .with_context(|| format!("no parameter {name}"))
    }
}

/// Whom a statement is about, as a condition: anybody, if it does not say.
fn principals(element: &Value, deployment: &Deployment) -> anyhow::Result<Option<Condition>> {
    let Some(kinds) = element.as_object() else {
        return Ok(None);
    };
    let mut all = Vec::new();
    for named in kinds.values() {
        all.extend(deployment.all_resolved(named)?);
    }
    Ok(Some(Condition::is_one_of(PRINCIPAL, all)))
}

pub(super) fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

/// IAM's own wildcards: `*` is any number of characters, slashes and colons among them, `?` is one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // What is matched so far of the text, after each beginning of the pattern.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        if wanted == '*' {
            let first = reached.iter().position(|is| *is).unwrap_or(reached.len());
            reached[first..].fill(true);
            continue;
        }
        for at in (0..text.len()).rev() {
            reached[at + 1] = reached[at] && (wanted == '?' || wanted == text[at]);
        }
        reached[0] = false;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Deployment {
        Deployment {
            parameters: BTreeMap::from([("Bucket", "landing".to_owned())]),
            does_not_hold: Vec::new(),
        }
    }

    fn faults(resource: Value) -> Vec<String> {
        let document = json!({ "Statement": [
            { "Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": resource }
        ] });
        let policy = Policy::of("p.json", &document, &deployment()).unwrap();
        let allowed = BTreeSet::from([
            used("s3:GetObject", "arn:aws:s3:::landing/in/a"),
            used("s3:GetObject", "arn:aws:s3:::landing/archive/7/a"),
        ]);
        let expected = Expected {
            allowed,
            ..Expected::default()
        };
        policy.faults(&expected, &["arn:aws:s3:::landing/elsewhere/a".to_owned()])
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

    /// A key that is used by way of S3, with this condition on it.
    fn of_condition(condition: Value) -> (Policy, Expected) {
        let document = json!({ "Statement": [
            { "Sid": "Decrypt", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "key", "Condition": condition }
        ] });
        let decrypt = used("kms:Decrypt", "key");
        let expected = Expected {
            allowed: BTreeSet::from([decrypt.clone().with("kms:ViaService", "s3")]),
            refused: BTreeSet::from([decrypt.with("kms:ViaService", "sqs")]),
            ..Expected::default()
        };
        (Policy::of("p.json", &document, &deployment()).unwrap(), expected)
    }

    #[test]
    fn a_condition_that_is_broken_is_a_fault() {
        let (policy, expected) = of_condition(json!({ "StringEquals": { "kms:ViaService": "s3" } }));
        assert_eq!(policy.faults(&expected, &[]), Vec::<String>::new());
        let found: Vec<(String, Vec<String>)> = policy
            .broken()
            .into_iter()
            .map(|(how, broken)| (how, broken.faults(&expected, &[])))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "p.json: Decrypt: kms:ViaService spoilt".to_owned(),
                    vec![
                        "p.json: nothing allows kms:Decrypt on key (kms:ViaService=s3)".to_owned(),
                        "p.json: Decrypt: nothing needs kms:Decrypt on key".to_owned(),
                    ]
                ),
                (
                    "p.json: Decrypt: kms:ViaService left out".to_owned(),
                    vec!["p.json: it allows kms:Decrypt on key (kms:ViaService=sqs)".to_owned()]
                ),
            ]
        );
    }

    #[test]
    fn a_condition_on_what_no_call_has_lets_nothing_through() {
        let (policy, expected) = of_condition(json!({ "StringEquals": { "kms:Via": "s3" } }));
        assert_eq!(policy.faults(&expected, &[]).len(), 2);
    }

    #[test]
    fn a_denial_comes_before_what_is_allowed_and_may_name_what_it_leaves() {
        let document = json!({ "Statement": [
            { "Sid": "All", "Effect": "Allow", "Action": ["a:Read", "a:Run"], "Resource": "r" },
            { "Sid": "ReadersRead", "Effect": "Deny", "NotAction": "a:Read", "Resource": "*",
              "Condition": { "StringLike": { "aws:userid": "*:reader-*" } } },
        ] });
        let policy = Policy::of("p.json", &document, &deployment()).unwrap();
        let reader = |action: &str| used(action, "r").with("aws:userid", "A:reader-ann");
        let mut expected = Expected {
            allowed: BTreeSet::from([used("a:Read", "r"), used("a:Run", "r"), reader("a:Read")]),
            denied: BTreeSet::from([reader("a:Run")]),
            ..Expected::default()
        };
        assert_eq!(policy.faults(&expected, &[]), Vec::<String>::new());
        for (how, broken) in policy.broken() {
            assert!(!broken.faults(&expected, &[]).is_empty(), "{how}");
        }
        expected.allowed.insert(reader("a:Run"));
        assert_eq!(
            policy.faults(&expected, &[]),
            ["p.json: nothing allows a:Run on r (aws:userid=A:reader-ann)"]
        );
    }

    #[test]
    fn a_principal_is_whom_a_statement_is_about() {
        let document = json!({ "Statement": [
            { "Effect": "Allow", "Principal": { "Service": ["events", "s3"] }, "Action": "sqs:SendMessage", "Resource": "q" },
            { "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "q",
              "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        ] });
        let policy = Policy::of("q", &document, &deployment()).unwrap();
        let send = used("sqs:SendMessage", "q");
        for (one, expected) in [
            (send.clone().by("s3"), Decision::Allowed),
            (send.clone().by("sns"), Decision::Silent),
            (send.clone(), Decision::Silent),
            (
                send.by("s3").with("aws:SecureTransport", "false"),
                Decision::Denied,
            ),
        ] {
            assert_eq!(policy.decision(&one), expected, "{}", one.told());
        }
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
            ("a*a", "a", false),
            ("s-??", "s-ab", true),
            ("s-??", "s-a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
