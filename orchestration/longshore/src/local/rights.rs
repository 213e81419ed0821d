//! The rights of the functions' role, as the template gives them, under the names that things have on this machine.

use serde_json::Value;

use super::options::{
    ACCOUNT, ARCHIVE_FOLDER, BUCKET, CLUSTER, INPUT_PREFIX, PROCESSING_FOLDER, REGION, SECRET_POSTGRES,
    SECRET_REDSHIFT,
};

const LOADER: &str = include_str!("../../../policies/loader.json");

/// The policy that is shipped.
pub(crate) fn of_functions() -> Value {
    let policy =
        serde_json::from_str(LOADER).expect("the policy in this repository is JSON; a test reads it");
    resolved(policy)
}

/// What the template includes as CloudFormation makes it, for a cluster and secrets that the stack makes.
pub(super) fn resolved(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(resolved).collect(),
        Value::Object(fields) => {
            if let Some(text) = fields.get("Fn::Sub").and_then(Value::as_str) {
                return substituted(text).into();
            }
            if let Some(name) = fields.get("Ref").and_then(Value::as_str) {
                return parameter(name).into();
            }
            if let Some([condition, yes, no]) =
                fields.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice)
            {
                return resolved(if condition == "IsServerless" { no } else { yes }.clone());
            }
            fields
                .into_iter()
                .map(|(name, value)| (name, resolved(value)))
                .collect()
        }
        plain => plain,
    }
}

fn substituted(text: &str) -> String {
    let mut pieces = text.split("${");
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        whole.push_str(&parameter(name));
        whole.push_str(rest);
    }
    whole
}

fn parameter(name: &str) -> String {
    let secret = |name: &str| format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-??????");
    match name {
        "AWS::Partition" => "aws".to_owned(),
        "AWS::Region" => REGION.to_owned(),
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::StackName" => "longshore".to_owned(),
        "LandingBucketName" => BUCKET.to_owned(),
        "InputPrefix" => INPUT_PREFIX.to_owned(),
        "ArchiveFolder" => ARCHIVE_FOLDER.to_owned(),
        "ProcessingFolder" => PROCESSING_FOLDER.to_owned(),
        "ClusterIdentifier" => CLUSTER.to_owned(),
        "DatabaseSecret" => secret(SECRET_POSTGRES),
        "WarehouseSecret" => secret(SECRET_REDSHIFT),
        other => format!("${{{other}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_policy_has_a_meaning_here() {
        let policy = of_functions().to_string();
        assert!(!policy.contains("${") && !policy.contains("Fn::"), "{policy}");
        assert!(
            policy.contains("arn:aws:s3:::longshore-landing/external_input/*"),
            "{policy}"
        );
    }
}
