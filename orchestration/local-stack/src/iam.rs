//! IAM as far as it is asked what a role may do: no request of the stack is refused for want of a right.

use serde_json::Value;

use crate::http::ApiError;
use crate::options::Role;
use crate::query::{Form, element, response};

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The roles of the stack.
pub(crate) struct Roles(Vec<Role>);

impl Roles {
    pub(crate) fn new(roles: &[Role]) -> Self {
        Self(roles.to_vec())
    }

    /// Answers an operation.
    pub(crate) fn handle(&self, form: &Form, request_id: &str) -> Result<String, ApiError> {
        match form.action() {
            "SimulatePrincipalPolicy" => self.simulate(form, request_id),
            action => Err(ApiError::unknown_operation("iam", action)),
        }
    }

    fn simulate(&self, form: &Form, request_id: &str) -> Result<String, ApiError> {
        let arn = form.required("PolicySourceArn")?;
        let role = self.0.iter().find(|role| role.arn == arn).ok_or_else(|| {
            ApiError::new(
                404,
                "NoSuchEntity",
                format!("The role with name {arn} cannot be found."),
            )
        })?;
        let mut results = String::new();
        for action in form.members("ActionNames") {
            for resource in form.members("ResourceArns") {
                let fields = [
                    element("EvalActionName", action),
                    element("EvalResourceName", resource),
                    element("EvalDecision", decision(&role.policy, action, resource)),
                ];
                results.push_str(&format!("<member>{}</member>", fields.concat()));
            }
        }
        let result =
            format!("<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>");
        Ok(response(form.action(), NAMESPACE, &result, request_id))
    }
}

/// What a policy without conditions says: a denial comes before whatever is allowed.
fn decision(policy: &Value, action: &str, resource: &str) -> &'static str {
    let concerns =
        |statement: &&Value| any(&statement["Action"], action) && any(&statement["Resource"], resource);
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let effects: Vec<&Value> = statements
        .filter(concerns)
        .map(|statement| &statement["Effect"])
        .collect();
    match effects.as_slice() {
        [] => "implicitDeny",
        all if all.iter().any(|effect| *effect == "Deny") => "explicitDeny",
        _ => "allowed",
    }
}

fn any(patterns: &Value, text: &str) -> bool {
    match patterns {
        Value::Array(all) => all.iter().any(|pattern| any(pattern, text)),
        Value::String(pattern) => matches(pattern.as_bytes(), text.as_bytes()),
        _ => false,
    }
}

/// `*` is any number of characters, `?` one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => matches(rest, text),
        (Some((b'*', rest)), Some((_, more))) => matches(rest, text) || matches(pattern, more),
        (Some((b'?', rest)), Some((_, more))) => matches(rest, more),
        (Some((one, rest)), Some((other, more))) => one == other && matches(rest, more),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_allowed_is_decided_by_action_and_resource_and_a_denial_comes_first() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::b/in/*" },
            { "Effect": "Deny", "Action": "s3:Put*", "Resource": "*" },
        ] });
        for (action, resource, expected) in [
            ("s3:GetObject", "arn:aws:s3:::b/in/a", "allowed"),
            ("s3:GetObject", "arn:aws:s3:::b/out/a", "implicitDeny"),
            ("s3:PutObject", "arn:aws:s3:::b/in/a", "explicitDeny"),
            ("s3:ListBucket", "arn:aws:s3:::b", "implicitDeny"),
        ] {
            assert_eq!(
                decision(&policy, action, resource),
                expected,
                "{action} {resource}"
            );
        }
    }
}
