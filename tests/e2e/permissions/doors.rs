//! Who may assume which role, send to which queue and invoke which function: the policies that the template has on its resources.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::policy::{Deployment, Expected, Policy, Use, used};
use super::{ACCOUNT, FUNCTIONS, PLACE, SECURE, STACK, all_faults, function_arn, template};

/// Who may read what chains select.
pub(super) const READER: &str = "arn:aws:iam::111111111111:role/reports";
const SOURCE_ACCOUNT: &str = "aws:SourceAccount";
const SOURCE: &str = "aws:SourceArn";
const SESSION: &str = "sts:RoleSessionName";
const EVENTS: &str = "events.amazonaws.com";
const S3: &str = "s3.amazonaws.com";
const ANOTHER_ACCOUNT: &str = "222222222222";

pub(super) fn intake_queue() -> String {
    format!("arn:aws:sqs:{PLACE}:{STACK}-intake")
}

pub(super) fn undelivered_queue() -> String {
    format!("arn:aws:sqs:{PLACE}:{STACK}-undelivered")
}

pub(super) fn load_status_rule() -> String {
    event_rule("longshore-load-status")
}

fn event_rule(name: &str) -> String {
    format!("arn:aws:events:{PLACE}:rule/{name}")
}

/// What is wrong with them, whoever fills the intake queue. `in_landing` is what the functions do in the landing bucket.
pub(super) fn faults(deployment: &Deployment, in_landing: &BTreeSet<Use>) -> anyhow::Result<Vec<String>> {
    let template = template::read()?;
    let by_s3 = Deployment {
        does_not_hold: [deployment.does_not_hold.as_slice(), &["IntakeByEventBridge"]].concat(),
        ..deployment.clone()
    };
    let bucket = &deployment.parameters["LandingBucketName"];
    let mut faults = Vec::new();
    for (deployment, intake) in [
        (deployment, intake_by_event_bridge()),
        (&by_s3, intake_by_s3(&format!("arn:aws:s3:::{bucket}"))),
    ] {
        let mut expected = expected(in_landing);
        expected.insert("IntakeQueuePolicy", intake);
        for (name, document) in documents(&template, deployment)? {
            let Some(expected) = expected.remove(name.as_str()) else {
                faults.push(format!("{name}: nobody has said whom it lets in"));
                continue;
            };
            faults.extend(all_faults(
                &Policy::of(&name, &document, deployment)?,
                &expected,
                &[],
            ));
        }
        ensure!(expected.is_empty(), "not in the template: {:?}", expected.keys());
    }
    Ok(faults)
}

/// Every policy that the template has on a resource, under the resource's name.
fn documents(template: &Value, deployment: &Deployment) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for (name, resource) in template["Resources"].as_object().context("resources")? {
        let properties = &resource["Properties"];
        let document = match resource["Type"].as_str().context("a type")? {
            "AWS::IAM::Role" => properties["AssumeRolePolicyDocument"].clone(),
            "AWS::Lambda::Permission" => of_permission(properties, deployment)?,
            // The rights of a role are in files of their own.
            "AWS::IAM::RolePolicy" | "AWS::IAM::Policy" => continue,
            _ if properties["PolicyDocument"].is_object() => properties["PolicyDocument"].clone(),
            _ => continue,
        };
        all.insert(name.clone(), document);
    }
    Ok(all)
}

/// The statement that Lambda makes of a permission.
fn of_permission(properties: &Value, deployment: &Deployment) -> anyhow::Result<Value> {
    Ok(json!({ "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": properties["Principal"] },
        "Action": properties["Action"],
        "Resource": deployment.resolved(&properties["FunctionName"])?,
        "Condition": { "ArnLike": { SOURCE: properties["SourceArn"] } },
    }] }))
}

fn expected(in_landing: &BTreeSet<Use>) -> BTreeMap<&'static str, Expected> {
    let of_account = |service: &str, account: &str| assume(service).with(SOURCE_ACCOUNT, account);
    let for_its_account = |service: &str| Expected {
        allowed: BTreeSet::from([of_account(service, ACCOUNT)]),
        refused: BTreeSet::from([
            of_account(service, ANOTHER_ACCOUNT),
            assume(service),
            of_account(EVENTS, ACCOUNT),
        ]),
        ..Expected::default()
    };
    let by_lambda = Expected {
        allowed: BTreeSet::from([assume("lambda.amazonaws.com")]),
        refused: BTreeSet::from([assume(EVENTS), assume(READER)]),
        ..Expected::default()
    };
    let mut of_chain = for_its_account("states.amazonaws.com");
    let reader = |who: &str, session: &str| assume(who).with(SESSION, session);
    of_chain.allowed.insert(reader(READER, "reader-ann"));
    of_chain.refused.extend([
        reader(READER, "ann"),
        reader("arn:aws:iam::111111111111:role/another", "reader-ann"),
    ]);
    BTreeMap::from([
        ("LandingBucketPolicy", encrypted_only(in_landing)),
        ("UndeliveredQueuePolicy", undelivered()),
        ("LoadStatusPermission", load_status()),
        ("LoaderRole", by_lambda),
        ("CopyRole", copy_role()),
        ("QueryChainRole", of_chain),
        ("QueryChainsParallelRole", for_its_account("states.amazonaws.com")),
        ("DatabaseProxyRole", for_its_account("rds.amazonaws.com")),
    ])
}

/// Whether a cluster says its account is not known; where it does, it has to be this one.
fn copy_role() -> Expected {
    let mut expected = Expected {
        refused: BTreeSet::from([assume(EVENTS), assume(READER)]),
        ..Expected::default()
    };
    for service in ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"] {
        let by_service = assume(service);
        expected.allowed.extend([
            by_service.clone(),
            by_service.clone().with(SOURCE_ACCOUNT, ACCOUNT),
        ]);
        expected
            .refused
            .insert(by_service.with(SOURCE_ACCOUNT, ANOTHER_ACCOUNT));
    }
    expected
}

fn assume(principal: &str) -> Use {
    used("sts:AssumeRole", "role").by(principal)
}

fn intake_by_event_bridge() -> Expected {
    let send = |rule: &str, account: &str| {
        sent(&intake_queue(), EVENTS, &event_rule(rule)).with(SOURCE_ACCOUNT, account)
    };
    let rule = "longshore-object-created";
    let allowed = send(rule, ACCOUNT);
    let refused = [
        send("another-object-created", ACCOUNT),
        send(rule, ANOTHER_ACCOUNT),
        allowed.clone().by(S3),
    ];
    of_queue(&intake_queue(), &[allowed], refused)
}

fn intake_by_s3(bucket: &str) -> Expected {
    let send = |bucket: &str, account: &str| sent(&intake_queue(), S3, bucket).with(SOURCE_ACCOUNT, account);
    let allowed = send(bucket, ACCOUNT);
    let refused = [
        send("arn:aws:s3:::another", ACCOUNT),
        send(bucket, ANOTHER_ACCOUNT),
        allowed.clone().by(EVENTS),
    ];
    of_queue(&intake_queue(), &[allowed], refused)
}

fn undelivered() -> Expected {
    let send = |rule: &str| sent(&undelivered_queue(), EVENTS, &event_rule(rule));
    let allowed = [send("longshore-load-status"), send("longshore-object-created")];
    let refused = [
        send("longshore-eu-load-status"),
        sent(
            &undelivered_queue(),
            EVENTS,
            &format!("arn:aws:events:us-east-1:{ANOTHER_ACCOUNT}:rule/longshore-load-status"),
        ),
        allowed[0].clone().by(S3),
    ];
    of_queue(&undelivered_queue(), &allowed, refused)
}

fn sent(queue: &str, service: &str, source: &str) -> Use {
    used("sqs:SendMessage", queue)
        .by(service)
        .with(SOURCE, source)
        .with(SECURE, "true")
}

/// Nothing goes in or out of a queue in the clear, and its account's roles are not kept from it.
fn of_queue(queue: &str, allowed: &[Use], refused: [Use; 3]) -> Expected {
    let received = used("sqs:ReceiveMessage", queue);
    let in_the_clear = allowed.iter().chain([&received]);
    Expected {
        denied: in_the_clear
            .map(|one| one.clone().with(SECURE, "false"))
            .collect(),
        let_pass: BTreeSet::from([received.clone().with(SECURE, "true")]),
        allowed: allowed.iter().cloned().collect(),
        refused: BTreeSet::from(refused),
    }
}

fn encrypted_only(uses: &BTreeSet<Use>) -> Expected {
    Expected {
        let_pass: uses.clone(),
        denied: uses.iter().map(|one| one.clone().with(SECURE, "false")).collect(),
        ..Expected::default()
    }
}

fn load_status() -> Expected {
    let invoke = |rule: &str| {
        used("lambda:InvokeFunction", &function_arn(FUNCTIONS[1]))
            .by(EVENTS)
            .with(SOURCE, rule)
    };
    Expected {
        allowed: BTreeSet::from([invoke(&load_status_rule())]),
        refused: BTreeSet::from([invoke(&event_rule("another")), invoke(&load_status_rule()).by(S3)]),
        ..Expected::default()
    }
}
