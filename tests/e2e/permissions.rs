//! The functions' role against what the functions do: the local stack notes their calls, and each must be allowed, and each right
//! used.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::proof::{Kind, Landings};
use crate::support::{PATIENCE, Stack, World};

const RECONCILE: &str = "external-file-reconcile";
const POLICY: &str = "orchestration/policies/loader.json";
/// Rights that Lambda uses on the functions' behalf: the queue that it reads for them, the one that it puts failures into, logs
/// and traces.
const OF_LAMBDA_ITSELF: [&str; 8] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];
/// Rights that operators use, as the role whose statements they stop; and functions, for a statement of their own that hangs.
const OF_OPERATORS: [&str; 1] = ["redshift-data:CancelStatement"];

/// The actions that IAM asks for when a call is made. Files are read by their version where the bucket keeps versions, and a
/// copy takes the tags along.
fn actions(call: &str) -> anyhow::Result<Vec<String>> {
    let (service, operation) = call.split_once(' ').context("service and operation")?;
    let s3: &[&str] = match (service, operation) {
        ("s3", "GetObject" | "HeadObject") => &["GetObject", "GetObjectVersion"],
        ("s3", "ListObjectsV2") => &["ListBucket"],
        ("s3", "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload") => {
            &["PutObject"]
        }
        ("s3", "CopyObject" | "UploadPartCopy") => &[
            "GetObject",
            "GetObjectTagging",
            "GetObjectVersion",
            "GetObjectVersionTagging",
            "PutObject",
            "PutObjectTagging",
        ],
        ("s3", "AbortMultipartUpload") => &["AbortMultipartUpload"],
        ("s3", "DeleteObject") => &["DeleteObject"],
        ("s3", other) => bail!("nobody has said which rights {other} needs"),
        _ => return Ok(vec![format!("{service}:{operation}")]),
    };
    Ok(s3.iter().map(|action| format!("s3:{action}")).collect())
}

/// What the policy allows.
fn allowed() -> anyhow::Result<BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(root.join(POLICY))?)?;
    let statements = policy["Statement"].as_array().context("statements")?;
    let listed = |statement: &Value| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        one => vec![one.clone()],
    };
    let actions = statements.iter().flat_map(listed);
    Ok(actions
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect())
}

/// The outgoing calls that the functions have made so far, each once. Calls of the database are none of IAM's.
async fn calls(world: &World) -> anyhow::Result<BTreeSet<String>> {
    let report = world.faults().await?;
    let invocations = report["invocations"].as_array().into_iter().flatten();
    let calls = invocations.flat_map(|invocation| invocation["calls"].as_array().into_iter().flatten());
    Ok(calls
        .filter_map(Value::as_str)
        .filter(|call| !call.starts_with("postgres "))
        .map(str::to_owned)
        .collect())
}

/// Runs the reconciler until the functions have made a call.
async fn reconcile_until_called(world: &World, call: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !calls(world).await?.contains(call) {
        ensure!(
            Instant::now() < deadline,
            "nothing calls {call}: {:?}",
            calls(world).await?
        );
        world.invoke(RECONCILE, &json!({ "idle_seconds": 0 })).await?;
    }
    Ok(())
}

/// A file that is found wanting when most of its copy has been uploaded: it is transcoded, so it cannot be cut where it lies.
async fn an_upload_that_is_given_up(world: &World) -> anyhow::Result<()> {
    let rule = world.feed().set("encoding", "UTF16LE").trailer("5:13");
    let feed = rule.create().await?;
    let mut file = "1|a name of some thirty characters\n".repeat(400_000);
    file.push_str("TRL|00000001\n");
    let bytes: Vec<u8> = file.encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.land(&feed.file_name(), bytes).await?;
    Ok(())
}

/// A submission whose answer was lost, and its token ran out meanwhile: the statement is looked for by its name.
async fn a_statement_that_is_looked_for(world: &World) -> anyhow::Result<()> {
    let lost = json!({ "rules": [{
        "service": "redshift-data", "operation": "BatchExecuteStatement", "fault": "close_before"
    }] });
    world.set_faults(&lost).await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    reconcile_until_called(world, "redshift-data BatchExecuteStatement").await?;
    world
        .control
        .batch_execute(
            "UPDATE rdscnfg.ext_statement SET recorded_at = recorded_at - interval '9 hours' WHERE finished_at IS NULL;
             UPDATE rdscnfg.ext_file_load SET due_at = now() WHERE due_at IS NOT NULL;
             UPDATE rdscnfg.ext_warehouse SET probe_at = now() WHERE probe_at IS NOT NULL",
        )
        .await?;
    reconcile_until_called(world, "redshift-data ListStatements").await
}

#[tokio::test]
async fn the_functions_role_allows_what_they_call_and_nothing_else() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let mut landings = Landings::new(&world).await?;
    let mut called = BTreeSet::new();
    for kind in Kind::ALL {
        let file = landings.land(&world, kind).await?;
        world.story(&world.input_key(&file.file_name)).await?;
    }
    an_upload_that_is_given_up(&world).await?;
    reconcile_until_called(&world, "s3 ListObjectsV2").await?;
    called.extend(calls(&world).await?);
    a_statement_that_is_looked_for(&world).await?;
    called.extend(calls(&world).await?);

    let mut needed = BTreeSet::new();
    for call in &called {
        needed.extend(actions(call)?);
    }
    let allowed = allowed()?;
    let missing: Vec<_> = needed.difference(&allowed).collect();
    assert!(missing.is_empty(), "{POLICY} lacks {missing:?}");
    needed.extend(
        OF_LAMBDA_ITSELF
            .into_iter()
            .chain(OF_OPERATORS)
            .map(str::to_owned),
    );
    let unused: Vec<_> = allowed.difference(&needed).collect();
    assert!(
        unused.is_empty(),
        "{POLICY} allows what nothing calls: {unused:?}"
    );
    Ok(())
}
