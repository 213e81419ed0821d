//! What the functions' role may do, as IAM simulates it: one call of each kind that the functions make, on what they make it on.

use longshore_app::with_causes;
use longshore_domain::target::{Compute, Warehouse};
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring::{AwsClients, InspectError};

use super::finding::Finding;

const CHECK: &str = "rights of the functions";
const POLICY: &str = "orchestration/policies/loader.json";

/// What was found.
pub(super) async fn examine(
    settings: &Settings,
    clients: &AwsClients,
    warehouse: Option<&Warehouse>,
    role: Option<&str>,
) -> Vec<Finding> {
    let Some(role) = role else {
        let mend = "longshore doctor --role ARN, the stack's output LoaderRole";
        return vec![Finding::notice(CHECK, "not looked at: no role is named", mend)];
    };
    let mut findings = Vec::new();
    let needed = needed(settings, warehouse, role);
    let count = needed.len();
    for (action, resource) in needed {
        match clients.inspector.simulate(role, action, &resource).await {
            Ok(right) if right.is_allowed => {}
            Ok(right) => findings.push(Finding::fault(
                CHECK,
                format!("{role} may not {} on {}", right.action, right.resource),
                format!("grant it as {POLICY} does: sam deploy"),
            )),
            Err(error) => {
                findings.push(not_told(role, &error));
                return findings;
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::sound(
            CHECK,
            format!("{role} has all {count} that were asked about"),
        ));
    }
    findings
}

/// Whoever may not ask is no fault of the deployment.
fn not_told(role: &str, error: &InspectError) -> Finding {
    match error {
        InspectError::Denied { action, .. } => Finding::notice(
            CHECK,
            format!("not looked at: {}", with_causes(error)),
            format!("grant {action} on {role} to whom aws sts get-caller-identity names"),
        ),
        InspectError::Missing { .. } => Finding::fault(
            CHECK,
            with_causes(error),
            "name the stack's output LoaderRole with --role",
        ),
        InspectError::Failed { .. } => Finding::fault(
            CHECK,
            with_causes(error),
            format!(
                "aws iam simulate-principal-policy --policy-source-arn {role} --action-names s3:GetObject"
            ),
        ),
    }
}

/// One call of each kind.
fn needed(settings: &Settings, warehouse: Option<&Warehouse>, role: &str) -> Vec<(&'static str, String)> {
    let mut needed = Vec::new();
    for watched in &settings.watched {
        let bucket = format!("arn:{}:s3:::{}", partition(role), watched.bucket);
        let landing = format!("{bucket}/{}a", watched.prefix);
        let archive = format!("{bucket}/{}/a", settings.archive_folder);
        let work = format!("{bucket}/{}/a", settings.processing_folder);
        needed.extend([
            ("s3:ListBucket", bucket),
            ("s3:GetObject", landing.clone()),
            ("s3:GetObjectTagging", landing.clone()),
            ("s3:DeleteObject", landing),
            ("s3:GetObject", archive.clone()),
            ("s3:PutObject", archive.clone()),
            ("s3:PutObjectTagging", archive),
            ("s3:PutObject", work.clone()),
            ("s3:DeleteObject", work.clone()),
            ("s3:AbortMultipartUpload", work),
        ]);
    }
    for secret in [&settings.secret_postgres, &settings.secret_redshift] {
        needed.push((
            "secretsmanager:GetSecretValue",
            secret_arn(secret, settings, role),
        ));
    }
    needed.push(("sns:Publish", settings.sns_topic_arn.clone()));
    if let Some(warehouse) = warehouse {
        let place = compute_arn(&warehouse.compute, settings, role);
        needed.extend(place.into_iter().flat_map(|place| {
            [
                ("redshift-data:ExecuteStatement", place.clone()),
                ("redshift-data:BatchExecuteStatement", place),
            ]
        }));
    }
    for action in [
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
        "redshift-data:ListStatements",
    ] {
        needed.push((action, "*".to_owned()));
    }
    needed
}

fn partition(role: &str) -> &str {
    role.split(':').nth(1).unwrap_or("aws")
}

fn account(role: &str) -> &str {
    role.split(':').nth(4).unwrap_or_default()
}

/// A secret's ARN; six characters that Secrets Manager chose end that of one that is named.
fn secret_arn(id: &str, settings: &Settings, role: &str) -> String {
    if id.starts_with("arn:") {
        return id.to_owned();
    }
    format!(
        "arn:{}:secretsmanager:{}:{}:secret:{id}-AbCdEf",
        partition(role),
        settings.region,
        account(role)
    )
}

/// Of a workgroup that is named, the ARN holds an id that the name does not give.
fn compute_arn(compute: &Compute, settings: &Settings, role: &str) -> Option<String> {
    match compute {
        Compute::Cluster(identifier) => Some(format!(
            "arn:{}:redshift:{}:{}:cluster:{identifier}",
            partition(role),
            settings.region,
            account(role)
        )),
        Compute::Workgroup(name) => name.starts_with("arn:").then(|| name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const ROLE: &str = "arn:aws-us-gov:iam::123456789012:role/r";

    #[test]
    fn who_may_not_ask_is_told_so_and_that_is_no_fault() {
        let denied = not_told(
            ROLE,
            &InspectError::Denied {
                what: "role r".to_owned(),
                action: "iam:SimulatePrincipalPolicy",
            },
        );
        assert_eq!(denied.verdict, Verdict::Notice);
        assert!(
            denied
                .mend
                .is_some_and(|mend| mend.contains("iam:SimulatePrincipalPolicy"))
        );
        let missing = not_told(
            ROLE,
            &InspectError::Missing {
                what: "role r".to_owned(),
            },
        );
        assert_eq!(missing.verdict, Verdict::Fault);
    }

    #[test]
    fn the_place_of_a_role_is_that_of_its_resources() {
        assert_eq!((partition(ROLE), account(ROLE)), ("aws-us-gov", "123456789012"));
    }
}
