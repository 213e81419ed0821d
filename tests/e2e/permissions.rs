//! Every role's policies against what is done under them. The local stack notes the functions' calls with the resources that they
//! name, the ledger which objects COPY read, and the state machines say themselves what they call: each must be allowed on that
//! resource, each right on a resource used, and none reach what is not ours. Conditions count: each is broken on purpose, and
//! somebody must notice.

mod condition;
mod doors;
mod policy;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::proof::{Kind, Landings};
use crate::support::{PATIENCE, Stack, World, unique};
use policy::{Deployment, Expected, Policy, Use, used};

const FUNCTIONS: [&str; 3] = [
    "external-file-process",
    "external-file-process-logging",
    RECONCILE,
];
const RECONCILE: &str = "external-file-reconcile";
/// The local stack's names, as a deployment of this stack name would have them.
const STACK: &str = "longshore";
const ACCOUNT: &str = "000000000000";
const PLACE: &str = "us-east-1:000000000000";
const LAKE: &str = "longshore-lake";
/// What Secrets Manager adds to a secret's name.
const SUFFIX: &str = "-AbCdEf";
/// What Lambda tells IAM of the calls of a function's code.
const SOURCE_FUNCTION: &str = "lambda:SourceFunctionArn";
/// The role's id and the session's name, which for a function is its own.
const USER_ID: &str = "aws:userid";
const SECURE: &str = "aws:SecureTransport";
const VIA: &str = "kms:ViaService";
/// What Step Functions asks for to deliver logs and traces, whatever a machine does.
const OF_STEP_FUNCTIONS: [&str; 12] = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What Lambda asks for to put functions into subnets.
const OF_LAMBDA_IN_A_VPC: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// What the template's parameters and resources are called here: a provisioned cluster, secrets of the template's own.
fn deployment(world: &World) -> Deployment {
    let ready = world.ready();
    let parameters = BTreeMap::from([
        ("AWS::Partition", "aws".to_owned()),
        ("AWS::Region", "us-east-1".to_owned()),
        ("AWS::AccountId", ACCOUNT.to_owned()),
        ("AWS::StackName", STACK.to_owned()),
        ("IntakeQueue.Arn", doors::intake_queue()),
        ("UndeliveredQueue.Arn", doors::undelivered_queue()),
        ("LoadStatusRule.Arn", doors::load_status_rule()),
        ("ExternalFileProcessLogging", function_arn(FUNCTIONS[1])),
        ("ResultsReaders", doors::READER.to_owned()),
        ("LandingBucketName", ready.bucket.clone()),
        ("BulkBucketName", LAKE.to_owned()),
        ("LandingKeyArn", key_arn()),
        ("FurtherKeyArns", further_key_arn()),
        ("InputPrefix", ready.input_prefix.clone()),
        ("ArchiveFolder", ready.archive_folder.clone()),
        ("ProcessingFolder", ready.processing_folder.clone()),
        ("ClusterIdentifier", ready.cluster_identifier.clone()),
        ("DatabaseSecret", secret_arn(&ready.secret_postgres)),
        ("WarehouseSecret", secret_arn(&ready.secret_redshift)),
    ]);
    Deployment {
        parameters,
        does_not_hold: vec!["IsServerless"],
    }
}

fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{PLACE}:function:{STACK}-{function}")
}

fn key_arn() -> String {
    format!("arn:aws:kms:{PLACE}:key/0a1b")
}

fn further_key_arn() -> String {
    format!("arn:aws:kms:{PLACE}:key/2c3d")
}

/// The ARN of a secret that is named, or whose ARN is given, which has an ending of its own.
fn secret_arn(name: &str) -> String {
    let name = match name.split_once(":secret:") {
        Some((_, named)) => named.rsplit_once('-').map_or(named, |(name, _)| name),
        None => name,
    };
    format!("arn:aws:secretsmanager:{PLACE}:secret:{name}{SUFFIX}")
}

fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

/// What none of the roles has to do with, though it lies beside what they have to do with.
fn outsiders(world: &World) -> Vec<String> {
    let bucket = &world.ready().bucket;
    vec![
        object_arn("another", "external_input/a"),
        object_arn(bucket, "elsewhere/a"),
        object_arn(bucket, "archived/a"),
        "arn:aws:s3:::another".to_owned(),
        secret_arn("another"),
        // What belongs to a stack whose name begins like ours.
        secret_arn(&format!("{STACK}-eu/warehouse")),
        format!("arn:aws:sns:{PLACE}:{STACK}-eu-outcomes"),
        format!("arn:aws:logs:{PLACE}:log-group:/aws/lambda/{STACK}-eu-{RECONCILE}:log-stream:a"),
        format!("arn:aws:sns:{PLACE}:another-outcomes"),
        format!("arn:aws:sqs:{PLACE}:another-intake"),
        format!("arn:aws:redshift:{PLACE}:cluster:another"),
        format!("arn:aws:kms:{PLACE}:key/another"),
        format!("arn:aws:logs:{PLACE}:log-group:/aws/lambda/another:log-stream:a"),
        format!("arn:aws:states:{PLACE}:stateMachine:another"),
        format!("arn:aws:states:{PLACE}:execution:another:a"),
        format!("arn:aws:events:{PLACE}:rule/another"),
    ]
}

/// What IAM asks for when a call is made about these resources. Files are read by their version where the bucket keeps versions,
/// and a copy takes the tags along.
fn uses(call: &str, resources: &[&str], cluster_identifier: &str) -> anyhow::Result<Vec<Use>> {
    let (service, operation) = call.split_once(' ').context("service and operation")?;
    let first = resources.first().copied();
    let named = |what: &str| first.with_context(|| format!("{call} names no {what}"));
    let of_s3 = |actions: &[&str], resource: &str| -> Vec<Use> {
        let arn = format!("arn:aws:s3:::{resource}");
        actions
            .iter()
            .map(|action| used(&format!("s3:{action}"), &arn))
            .collect()
    };
    Ok(match (service, operation) {
        ("s3", "GetObject" | "HeadObject") => of_s3(&["GetObject", "GetObjectVersion"], named("object")?),
        ("s3", "ListObjectsV2") => of_s3(&["ListBucket"], named("bucket")?),
        ("s3", "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload") => {
            of_s3(&["PutObject"], named("object")?)
        }
        ("s3", "CopyObject" | "UploadPartCopy") => {
            let [target, source] = resources else {
                bail!("{call} is of {resources:?}")
            };
            let mut all = of_s3(&["GetObject", "GetObjectVersion"], source);
            all.extend(of_s3(&["PutObject"], target));
            // Only a copy of the whole takes the tags along.
            if operation == "CopyObject" {
                all.extend(of_s3(&["GetObjectTagging", "GetObjectVersionTagging"], source));
                all.extend(of_s3(&["PutObjectTagging"], target));
            }
            all
        }
        ("s3", "AbortMultipartUpload") => of_s3(&["AbortMultipartUpload"], named("upload")?),
        ("s3", "DeleteObject") => of_s3(&["DeleteObject"], named("object")?),
        ("s3", other) => bail!("nobody has said which rights {other} needs"),
        ("secretsmanager", "GetSecretValue") => {
            vec![used(
                "secretsmanager:GetSecretValue",
                &secret_arn(named("secret")?),
            )]
        }
        ("sns", "Publish") => vec![used("sns:Publish", named("topic")?)],
        ("redshift-data", "ExecuteStatement" | "BatchExecuteStatement") => {
            let [cluster, secret] = resources else {
                bail!("{call} is of {resources:?}")
            };
            ensure!(*cluster == cluster_identifier, "{cluster} is another cluster");
            vec![
                used(
                    &format!("redshift-data:{operation}"),
                    &format!("arn:aws:redshift:{PLACE}:cluster:{cluster}"),
                ),
                // The service reads the login as whoever calls it.
                used("secretsmanager:GetSecretValue", &secret_arn(secret)),
            ]
        }
        (
            "redshift-data",
            "DescribeStatement" | "GetStatementResult" | "ListStatements" | "CancelStatement",
        ) => {
            vec![used(&format!("redshift-data:{operation}"), "*")]
        }
        _ => bail!("nobody has said which rights {call} needs"),
    })
}

/// What Lambda does on the functions' behalf, and what operators do as their role.
fn beside_the_calls(world: &World) -> Vec<Use> {
    let intake = format!("arn:aws:sqs:{PLACE}:{STACK}-intake");
    let undelivered = format!("arn:aws:sqs:{PLACE}:{STACK}-undelivered");
    let mut all = vec![
        used("sqs:ReceiveMessage", &intake),
        used("sqs:DeleteMessage", &intake),
        used("sqs:GetQueueAttributes", &intake),
        used("sqs:SendMessage", &undelivered),
        used("xray:PutTraceSegments", "*"),
        used("xray:PutTelemetryRecords", "*"),
        // Only the role that ran a statement may stop it; a function stops one of its own that hangs.
        used("redshift-data:CancelStatement", "*"),
    ];
    for function in FUNCTIONS {
        let log = format!("arn:aws:logs:{PLACE}:log-group:/aws/lambda/{STACK}-{function}:log-stream:a");
        all.extend([
            used("logs:CreateLogStream", &log),
            used("logs:PutLogEvents", &log),
        ]);
    }
    // An upload into the archive is given up like one of a copy; so little fits into a test that none is begun there.
    let archived = object_arn(
        &world.ready().bucket,
        &format!("{}/a", world.ready().archive_folder),
    );
    all.push(used("s3:AbortMultipartUpload", &archived));
    all
}

/// What COPY reads: the manifest of every load that has one, and the files that it lists.
async fn uses_of_copy(world: &World) -> anyhow::Result<BTreeSet<Use>> {
    let rows = world
        .control_rows(
            "SELECT jsonb_build_object('bucket', bucket_name, 'manifest', manifest_key, 'sources', sources)
             FROM rdscnfg.ext_file_load WHERE manifest_key IS NOT NULL",
        )
        .await?;
    let mut all = BTreeSet::new();
    for row in rows {
        let bucket = row["bucket"].as_str().context("a bucket")?;
        let sources = row["sources"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|source| &source["key"]);
        for key in sources.chain([&row["manifest"]]) {
            let key = key.as_str().context("a key")?;
            all.insert(used("s3:GetObject", &object_arn(bucket, key)));
        }
        // Redshift looks for the bucket's place first, and lists what a prefix stands for.
        for action in ["s3:ListBucket", "s3:GetBucketLocation"] {
            all.insert(used(action, &format!("arn:aws:s3:::{bucket}")));
        }
    }
    Ok(all)
}

/// What the tasks of a state machine call.
fn uses_of_machine(name: &str, world: &World) -> anyhow::Result<BTreeSet<Use>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join(format!("orchestration/state-machines/{name}.asl.json"));
    let definition: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut tasks = BTreeSet::new();
    collect_tasks(&definition, &mut tasks);
    let cluster = format!(
        "arn:aws:redshift:{PLACE}:cluster:{}",
        world.ready().cluster_identifier
    );
    let machine = format!("{PLACE}:stateMachine:{STACK}-query-chain");
    let execution = format!("arn:aws:states:{PLACE}:execution:{STACK}-query-chain:a");
    let events = format!("arn:aws:events:{PLACE}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule");
    let mut all: BTreeSet<Use> = OF_STEP_FUNCTIONS.iter().map(|action| used(action, "*")).collect();
    for task in tasks {
        match task.as_str() {
            "arn:aws:states:::aws-sdk:redshiftdata:executeStatement" => all.extend([
                used("redshift-data:ExecuteStatement", &cluster),
                used(
                    "secretsmanager:GetSecretValue",
                    &secret_arn(&world.ready().secret_redshift),
                ),
                // The machine's role is that of the readers of its results, too.
                used("redshift-data:GetStatementResult", "*"),
            ]),
            "arn:aws:states:::aws-sdk:redshiftdata:describeStatement" => {
                all.insert(used("redshift-data:DescribeStatement", "*"));
            }
            // What Step Functions asks for to start an execution and hear of its end.
            "arn:aws:states:::states:startExecution.sync:2" => all.extend([
                used("states:StartExecution", &format!("arn:aws:states:{machine}")),
                used("states:DescribeExecution", &execution),
                used("states:StopExecution", &execution),
                used("events:PutTargets", &events),
                used("events:PutRule", &events),
                used("events:DescribeRule", &events),
            ]),
            other => bail!("nobody has said which rights {other} needs"),
        }
    }
    Ok(all)
}

fn collect_tasks(value: &Value, tasks: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            tasks.extend(fields.get("Resource").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| collect_tasks(field, tasks));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_tasks(item, tasks)),
        _ => {}
    }
}

/// A call of a function's, as the local stack noted it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    function: String,
    call: String,
    resources: Vec<String>,
}

/// The outgoing calls that the functions have made so far, each once, with the resources that they name. Calls of the database
/// are none of IAM's.
async fn calls(world: &World) -> anyhow::Result<BTreeSet<Call>> {
    let report = world.faults().await?;
    let mut all = BTreeSet::new();
    for invocation in report["invocations"].as_array().into_iter().flatten() {
        let names: Vec<String> = serde_json::from_value(invocation["calls"].clone())?;
        let resources: Vec<Vec<String>> = serde_json::from_value(invocation["resources"].clone())?;
        ensure!(names.len() == resources.len(), "{invocation}");
        let function = invocation["function"].as_str().context("a function")?;
        let calls = names.into_iter().zip(resources);
        all.extend(calls.map(|(call, resources)| Call {
            function: function.to_owned(),
            call,
            resources,
        }));
    }
    all.retain(|made| !made.call.starts_with("postgres "));
    Ok(all)
}

/// Runs the reconciler until the functions have made a call.
async fn reconcile_until_called(world: &World, call: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !calls(world).await?.iter().any(|made| made.call == call) {
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

/// A file that an operator has loaded again once it was put away: COPY reads it in the archive.
async fn a_file_that_is_replayed(world: &World) -> anyhow::Result<()> {
    let feed = world.feed().create().await?;
    let story = world.land(&feed.file_name(), "1|a\n").await?;
    let replay = [
        "load",
        "replay",
        story.load.id(),
        "--accept-duplicates",
        "--yes",
        "--why",
        "a test",
        "--as",
        "ann",
    ];
    let said = world.longshore(&replay)?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    settle_all(world, story.key(), 2).await
}

/// A file of a partner's with a secret of its own, which is looked at before there is anything to load, and people of its own to tell.
async fn a_file_whose_key_is_none(world: &World) -> anyhow::Result<()> {
    let name = format!("{STACK}/partner-{}", unique());
    world.create_secret(&name, "no key").await?;
    let topic = world.create_topic(&format!("{STACK}_partner")).await?;
    let feed = world
        .feed()
        .set("encryption_secret", &name)
        .set("failure_topic_arn", &topic)
        .create()
        .await?;
    world.land(&feed.file_name(), "1|a\n").await?;
    Ok(())
}

/// A part that the warehouse refuses: its copy is all there is of it, and is put away.
async fn a_part_that_is_refused(world: &World) -> anyhow::Result<()> {
    let feed = world.feed().split("HD").create().await?;
    let part = feed.part("HD").columns(["kind char(2)", "id integer"]);
    part.create().await?;
    let story = world.land(&feed.file_name(), "HD|no number\n").await?;
    ensure!(story.part("HD")?.state() == "failed", "{story}");
    Ok(())
}

/// What lies in a bucket that nothing lands in, as an event of the reconciler's function asks for it.
async fn a_bulk_load_of_another_bucket(world: &World) -> anyhow::Result<()> {
    world.objects.create_bucket().bucket(LAKE).send().await?;
    let put = world.objects.put_object().bucket(LAKE).key("orders/a.csv");
    put.body(b"1,a\n".to_vec().into()).send().await?;
    let table = format!("rdsftetl.lake{}", unique());
    world
        .query(&format!("CREATE TABLE {table} (id integer, name varchar(40))"))
        .await?;
    world.set_column_numbers_apart().await?;
    let path =
        json!({ "s3_path": format!("s3://{LAKE}/orders/"), "table": table, "columns": ["id", "name"] });
    let answer = world.invoke(RECONCILE, &json!({ "paths": [path] })).await?;
    ensure!(!answer.is_error, "{}", answer.body);
    settle_all(world, "orders/a.csv", 1).await
}

/// Dated snapshots in that bucket, which the reconciler's function loads by the schedule of their rule: the table is made, and
/// gets a column.
async fn a_snapshot_rule_of_another_bucket(world: &World) -> anyhow::Result<()> {
    // Its loads' rules take the numbers after it, which no feed must want.
    let rule = 500_000 + unique();
    let schema = format!("snap{rule}");
    world.query(&format!("CREATE SCHEMA {schema}")).await?;
    let described = |more: &str| {
        format!(
            "pages:\n  dest: pages\n  columns:\n  - {{dest: at, type: timestamp}}\n{more}  meta: {{datadatecolumn: at, schema: {schema}}}\n"
        )
    };
    let made = format!(
        "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES ({rule}, 'snapshots {rule}');
         INSERT INTO rdscnfg.ext_file_config
             (ext_file_config_sid, ext_interface_cid, file_format, rule_kind, schedule, snapshot_bucket, tgt_schema_name,
              tgt_table_name)
         VALUES ({rule}, {rule}, 'json', 'snapshot', '0 0 1 1 *', '{LAKE}', '{schema}', 'pages')"
    );
    world.control.batch_execute(&made).await?;
    for (day, more) in [("25", ""), ("26", "  - {dest: hits, type: int}\n")] {
        let folder = format!(
            "{schema}/pages/_data_timestamp_year=2026/_data_timestamp_month=11/_data_timestamp_day={day}"
        );
        let date = format!("2026-11-{day}T00:00:00Z");
        let key = format!("{folder}/{schema}_pages_{date}.json");
        let row = format!("{{\"at\": \"2026-11-{day} 01:00:00\"}}\n");
        let files = [
            (key.clone(), row),
            (
                format!("{folder}/config_{schema}_pages_{date}.yml"),
                described(more),
            ),
        ];
        for (key, text) in files {
            let put = world.objects.put_object().bucket(LAKE).key(key);
            put.body(text.into_bytes().into()).send().await?;
        }
        let due = format!(
            "UPDATE rdscnfg.ext_snapshot_schedule SET due_at = to_timestamp(0), planned_for = schedule
             WHERE ext_file_config_sid = {rule}"
        );
        world.control.batch_execute(&due).await?;
        settle_all(world, &key, 1).await?;
    }
    Ok(())
}

/// Lets the reconciler's function work until a key has so many loads and all are settled, those in batches too.
async fn settle_all(world: &World, key: &str, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loads = world.loads_of(key).await?;
        if loads.len() >= count && loads.iter().all(|load| load.is_settled()) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{}", world.tell(key).await?);
        world
            .control
            .batch_execute("UPDATE rdscnfg.ext_load_buffer SET first_at = first_at - interval '1 hour' WHERE first_at IS NOT NULL")
            .await?;
        world.let_time_pass().await?;
        world.invoke(RECONCILE, &json!({ "idle_seconds": 0 })).await?;
    }
}

/// The uses of one bucket.
fn of_bucket(uses: &BTreeSet<Use>, bucket: &str) -> BTreeSet<Use> {
    let arn = format!("arn:aws:s3:::{bucket}");
    let is_of = |resource: &str| {
        resource == arn
            || resource
                .strip_prefix(&arn)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    uses.iter().filter(|one| is_of(&one.resource)).cloned().collect()
}

/// What the functions did, as Lambda lets IAM know of it.
fn uses_of_functions(called: &BTreeSet<Call>, cluster_identifier: &str) -> anyhow::Result<BTreeSet<Use>> {
    let mut all = BTreeSet::new();
    for made in called {
        let resources: Vec<&str> = made.resources.iter().map(String::as_str).collect();
        let of_call = uses(&made.call, &resources, cluster_identifier)?;
        all.extend(of_call.into_iter().map(|one| {
            one.with(SOURCE_FUNCTION, &function_arn(&made.function))
                .with(USER_ID, &format!("AROAEXAMPLE:{STACK}-{}", made.function))
                .with(SECURE, "true")
        }));
    }
    Ok(all)
}

/// What reading and writing these objects asks of the bucket's key. S3 asks it, and nobody may do so without S3.
fn of_key(objects: &BTreeSet<Use>) -> Expected {
    let by_s3 = |action: &str| used(action, &key_arn()).with(VIA, "s3.us-east-1.amazonaws.com");
    let reads = objects.iter().any(|one| one.is("s3:GetObject"));
    let writes = objects.iter().any(|one| one.is("s3:PutObject"));
    let needed = [("kms:Decrypt", reads || writes), ("kms:GenerateDataKey", writes)];
    let actions: Vec<&str> = needed
        .into_iter()
        .filter_map(|(action, is)| is.then_some(action))
        .collect();
    let refused = actions.iter().flat_map(|action| {
        let elsewhere = [
            "s3.eu-central-1.amazonaws.com",
            "secretsmanager.us-east-1.amazonaws.com",
        ];
        let ways = elsewhere.map(|way| used(action, &key_arn()).with(VIA, way));
        [used(action, &key_arn())].into_iter().chain(ways)
    });
    Expected {
        refused: refused.collect(),
        allowed: actions.into_iter().map(by_s3).collect(),
        ..Expected::default()
    }
}

/// What further keys are used for, by action and service: through these and nothing else, and only here.
fn of_further_keys(needed: &[(&str, &[&str])]) -> Expected {
    let by = |action: &str, service: &str, region: &str| {
        used(action, &further_key_arn()).with(VIA, &format!("{service}.{region}.amazonaws.com"))
    };
    let mut expected = Expected::default();
    for (action, services) in needed {
        expected
            .allowed
            .extend(services.iter().map(|service| by(action, service, "us-east-1")));
        expected
            .refused
            .extend(services.iter().map(|service| by(action, service, "eu-central-1")));
        expected
            .refused
            .extend([used(action, &further_key_arn()), by(action, "ec2", "us-east-1")]);
    }
    expected
}

/// Lambda makes the network interfaces; the code of a function may not.
fn of_vpc() -> Expected {
    let by = |function: &str, action: &str| used(action, "*").with(SOURCE_FUNCTION, &function_arn(function));
    Expected {
        allowed: OF_LAMBDA_IN_A_VPC
            .iter()
            .map(|action| used(action, "*"))
            .collect(),
        denied: FUNCTIONS
            .iter()
            .flat_map(|function| OF_LAMBDA_IN_A_VPC.map(|action| by(function, action)))
            .collect(),
        ..Expected::default()
    }
}

/// A chain's role runs statements, and those who assume it to read their rows do nothing else.
fn of_chain(world: &World) -> anyhow::Result<Expected> {
    let machine = uses_of_machine("query-chain", world)?;
    let may_read =
        |one: &Use| one.is("redshift-data:DescribeStatement") || one.is("redshift-data:GetStatementResult");
    let by_reader = |one: &Use| one.clone().with(USER_ID, "AROAEXAMPLE:reader-ann");
    let by_machine = |one: &Use| one.clone().with(USER_ID, "AROAEXAMPLE:kXhjzRbPqTLa");
    let (read, other): (Vec<&Use>, Vec<&Use>) = machine.iter().partition(|one| may_read(one));
    Ok(Expected {
        allowed: machine
            .iter()
            .map(by_machine)
            .chain(read.into_iter().map(by_reader))
            .collect(),
        denied: other.into_iter().map(by_reader).collect(),
        ..Expected::default()
    })
}

fn allowed(allowed: BTreeSet<Use>) -> Expected {
    Expected {
        allowed,
        ..Expected::default()
    }
}

#[tokio::test]
async fn each_role_may_do_what_is_done_under_it_where_it_is_done_and_nothing_else() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let mut landings = Landings::new(&world).await?;
    // Rights in a further warehouse come with its row, by hand (docs/deploy.md): the template does not know of it.
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Delivered) {
        let file = landings.land(&world, kind).await?;
        world.story(&world.input_key(&file.file_name)).await?;
    }
    an_upload_that_is_given_up(&world).await?;
    a_file_that_is_replayed(&world).await?;
    a_file_whose_key_is_none(&world).await?;
    a_part_that_is_refused(&world).await?;
    a_bulk_load_of_another_bucket(&world).await?;
    a_snapshot_rule_of_another_bucket(&world).await?;
    reconcile_until_called(&world, "s3 ListObjectsV2").await?;
    let mut called = calls(&world).await?;
    a_statement_that_is_looked_for(&world).await?;
    called.extend(calls(&world).await?);

    let ready = world.ready();
    let of_functions = uses_of_functions(&called, &ready.cluster_identifier)?;
    let in_the_lake = of_bucket(&of_functions, LAKE);
    let in_landing = of_bucket(&of_functions, &ready.bucket);
    let mut of_loader: BTreeSet<Use> = of_functions.difference(&in_the_lake).cloned().collect();
    of_loader.extend(beside_the_calls(&world));
    let mut of_bulk = in_the_lake;
    let given_up = object_arn(LAKE, &format!("{}/a", ready.processing_folder));
    of_bulk.insert(used("s3:AbortMultipartUpload", &given_up));
    let of_copy = uses_of_copy(&world).await?;
    let copied = of_bucket(&of_copy, &ready.bucket);
    let of_proxy = used(
        "secretsmanager:GetSecretValue",
        &secret_arn(&ready.secret_postgres),
    );

    let policies: [(&str, Expected); 13] = [
        ("loader.json", allowed(of_loader)),
        ("loader-bulk.json", allowed(of_bulk)),
        ("loader-vpc.json", of_vpc()),
        ("loader-key.json", of_key(&in_landing)),
        (
            "loader-further-keys.json",
            of_further_keys(&[
                ("kms:Decrypt", &["s3", "secretsmanager", "sns", "sqs"]),
                ("kms:GenerateDataKey", &["s3", "sns"]),
            ]),
        ),
        ("copy.json", allowed(copied.clone())),
        ("copy-bulk.json", allowed(of_bucket(&of_copy, LAKE))),
        ("copy-key.json", of_key(&copied)),
        (
            "copy-further-keys.json",
            of_further_keys(&[("kms:Decrypt", &["s3"])]),
        ),
        (
            "secret-keys.json",
            of_further_keys(&[("kms:Decrypt", &["secretsmanager"])]),
        ),
        ("query-chain.json", of_chain(&world)?),
        (
            "query-chains-parallel.json",
            allowed(uses_of_machine("query-chains-parallel", &world)?),
        ),
        ("database-proxy.json", allowed(BTreeSet::from([of_proxy]))),
    ];
    let deployment = deployment(&world);
    let mut faults = Vec::new();
    for (file, expected) in &policies {
        let policy = Policy::read(file, &deployment)?;
        faults.extend(all_faults(&policy, expected, &outsiders(&world)));
    }
    faults.extend(doors::faults(&deployment, &in_landing)?);
    assert!(faults.is_empty(), "{faults:#?}");
    every_policy_is_looked_at(&policies.map(|(file, _)| file))
}

/// What is wrong with a policy, and which condition of it might be broken without anything being wrong.
fn all_faults(policy: &Policy, expected: &Expected, outsiders: &[String]) -> Vec<String> {
    let mut faults = policy.faults(expected, outsiders);
    for (how, broken) in policy.broken() {
        if broken.faults(expected, outsiders).is_empty() {
            faults.push(format!("nobody would notice {how}"));
        }
    }
    faults
}

fn every_policy_is_looked_at(known: &[&str]) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for entry in std::fs::read_dir(root.join("orchestration/policies"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(
            name.ends_with(".md") || known.contains(&name.as_str()),
            "nobody looks at the policy {name}"
        );
    }
    let template = std::fs::read_to_string(root.join("orchestration/template.yaml"))?;
    ensure!(
        !template.contains("Resource: \"*\"")
            && template.matches("Location: policies/").count() == known.len(),
        "a role's rights are written into the template instead of a policy that is looked at"
    );
    Ok(())
}
