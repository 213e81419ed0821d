//! Starting and stopping the parts in their order.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use longshore_app::App;
use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
use longshore_local_stack::{
    BucketNotification, ClusterEndpoint, DeadLetters, EventRule, FaultPlan, FunctionOptions, LocalStack,
    QueueNotification, QueueOptions, Role, StackOptions,
};
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring;
use serde_json::{Value, json};

use super::options::{
    ACCESS_KEY_ID, ACCOUNT, ARCHIVE_FOLDER, BUCKET, CLUSTER, CONTROL_DATABASE, DATABASE_PASSWORD,
    DATABASE_USER, DataFolder, FUNCTIONS_ROLE, IAM_ROLE, INPUT_PREFIX, INTAKE_QUEUE, LocalOptions,
    PROCESSING_FOLDER, QUEUE, QUEUED_INPUT_PREFIX, REGION, SECRET_ACCESS_KEY, SECRET_POSTGRES,
    SECRET_REDSHIFT, TOPIC, UNDELIVERED_QUEUE, WAREHOUSE_DATABASE, WORKGROUP,
};
use super::ready::ReadyFile;
use super::rights;
use crate::deployment::{migrate_control, migrate_warehouse};
use crate::output::Progress;

const PROCESS_FUNCTION: &str = "external-file-process";
const LOGGING_FUNCTION: &str = "external-file-process-logging";
const RECONCILE_FUNCTION: &str = "external-file-reconcile";
const FUNCTIONS: [&str; 3] = [PROCESS_FUNCTION, LOGGING_FUNCTION, RECONCILE_FUNCTION];
/// As when deployed.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
/// Processes per function: enough to show what two at once do, few enough for a laptop.
const CONCURRENCY: usize = 2;
const FUNCTION_MEMORY_MB: u32 = 512;
/// A session of the Data API keeps a connection, and there may be 500 of them; the rest is for the functions and whoever looks.
const MAX_CONNECTIONS: u32 = 600;
/// Fewer than the sixty of the template: whoever tries it out waits for the dead letter.
const MAX_RECEIVES: u32 = 3;
/// The pattern that is deployed is the pattern that runs here.
const LOAD_STATUS_PATTERN: &str = include_str!("../../../event-patterns/load-status.json");

/// A running local deployment.
pub(crate) struct LocalDeployment {
    /// Where everything is.
    pub ready: ReadyFile,
    /// The use cases' view of it.
    pub app: App,
    stack: LocalStack,
    cluster: Cluster,
    data: DataFolder,
}

impl LocalDeployment {
    /// Starts PostgreSQL, the endpoint, the databases' own SQL, and the functions, in this order: what was left
    /// undelivered before is delivered once all of it is there.
    pub(crate) async fn start(options: LocalOptions, progress: &Progress) -> anyhow::Result<Self> {
        let executables = find_executables()?;
        progress.step("starting PostgreSQL");
        let cluster = start_postgres(&options.data).await?;
        progress.step("starting the AWS endpoint");
        let stack = LocalStack::start(stack_options(&options, &cluster))
            .await
            .context("start aws endpoint")?;
        // A PostgreSQL that was started again may listen on another port than the kept secrets say.
        for (name, secret) in secrets(&cluster) {
            stack
                .put_secret(&name, &secret)
                .await
                .with_context(|| format!("store secret {name}"))?;
        }
        let ready = ready_file(&options.data, &cluster, &stack);
        progress.step("preparing the databases");
        let settings = Settings::from_pairs(ready.settings()).context("read local settings")?;
        let app = wiring::connect(&settings, &ready.access())
            .await
            .context("connect to local stack")?;
        migrate_control(&app.store, options.samples).await?;
        migrate_warehouse(&app, options.samples).await?;
        progress.step("starting the functions");
        stack
            .start_functions(functions(executables, &ready, &options))
            .await
            .context("start functions")?;
        stack.invoke_every(RECONCILE_FUNCTION, RECONCILE_EVERY);
        stack.feed_from_queue(INTAKE_QUEUE, PROCESS_FUNCTION);
        Ok(Self {
            ready,
            app,
            stack,
            cluster,
            data: options.data,
        })
    }

    /// Keeps a temporary data folder, for a person to look into.
    pub(crate) fn keep_data(&mut self) {
        self.data.keep();
    }

    /// Stops everything, the functions first, and leaves nothing running.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stack.stop().await;
        drop(self.app);
        let cluster = self.cluster;
        tokio::task::spawn_blocking(move || cluster.stop())
            .await
            .context("wait for postgresql to stop")?
            .context("stop postgresql")?;
        if let DataFolder::Temporary(folder) = self.data {
            folder.close().context("remove temporary data folder")?;
        }
        Ok(())
    }
}

/// The functions lie beside this program, as every build puts them.
fn find_executables() -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let program = std::env::current_exe().context("find this program")?;
    let folder = program.parent().context("find this program's folder")?;
    let missing: Vec<_> = FUNCTIONS
        .into_iter()
        .filter(|name| !folder.join(name).is_file())
        .collect();
    if !missing.is_empty() {
        bail!(
            "{} not found in {}; build them with: cargo build --workspace",
            missing.join(" and "),
            folder.display()
        );
    }
    Ok(FUNCTIONS
        .into_iter()
        .map(|name| (name, folder.join(name)))
        .collect())
}

async fn start_postgres(data: &DataFolder) -> anyhow::Result<Cluster> {
    let durability = if data.is_kept() {
        Durability::Durable
    } else {
        Durability::ThrowAway
    };
    let options = ClusterOptions {
        durability,
        listen_port: Some(0),
        max_connections: MAX_CONNECTIONS,
        ..ClusterOptions::at(data.path().join("postgresql"))
    };
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(options))
        .await
        .context("wait for postgresql to start")?
        .context("start postgresql")?;
    for database in [CONTROL_DATABASE, WAREHOUSE_DATABASE] {
        cluster
            .create_database_if_absent(database)
            .await
            .with_context(|| format!("create database {database}"))?;
    }
    Ok(cluster)
}

fn stack_options(options: &LocalOptions, cluster: &Cluster) -> StackOptions {
    let mut stack = StackOptions::new(options.data.path().join("aws"));
    stack.port = options.port;
    stack.region = REGION.to_owned();
    stack.account = ACCOUNT.to_owned();
    stack.access_key_id = ACCESS_KEY_ID.to_owned();
    stack.secret_access_key = SECRET_ACCESS_KEY.to_owned();
    stack.buckets = vec![BUCKET.to_owned()];
    stack.topics = vec![TOPIC.to_owned()];
    stack.queues = queues();
    stack.queue_notifications = vec![QueueNotification {
        bucket: BUCKET.to_owned(),
        prefix: QUEUED_INPUT_PREFIX.to_owned(),
        queue: INTAKE_QUEUE.to_owned(),
    }];
    stack.bucket_notifications = vec![BucketNotification {
        bucket: BUCKET.to_owned(),
        prefix: INPUT_PREFIX.to_owned(),
        suffix: String::new(),
        function: PROCESS_FUNCTION.to_owned(),
    }];
    stack.event_rules = vec![EventRule {
        name: "load-status".to_owned(),
        pattern: load_status_pattern(),
        function: LOGGING_FUNCTION.to_owned(),
    }];
    stack.roles = vec![Role {
        arn: FUNCTIONS_ROLE.to_owned(),
        policy: rights::of_functions(),
    }];
    stack.isolation = options.isolation;
    stack.faults = options.faults.clone();
    // Database calls of the functions are numbered and struck like AWS calls.
    if options.faults != FaultPlan::default() {
        stack.proxied_secrets = vec![SECRET_POSTGRES.to_owned()];
    }
    stack.clusters = vec![ClusterEndpoint {
        identifier: CLUSTER.to_owned(),
        workgroup: Some(WORKGROUP.to_owned()),
        postgres: cluster.config(WAREHOUSE_DATABASE),
    }];
    stack
}

/// Who reads the messages, and the intake with its dead letters.
fn queues() -> Vec<QueueOptions> {
    let named = |name: &str| QueueOptions {
        name: name.to_owned(),
        ..QueueOptions::default()
    };
    vec![
        QueueOptions {
            subscriptions: vec![TOPIC.to_owned()],
            ..named(QUEUE)
        },
        named(UNDELIVERED_QUEUE),
        QueueOptions {
            dead_letters: Some(DeadLetters {
                queue: UNDELIVERED_QUEUE.to_owned(),
                max_receives: MAX_RECEIVES,
            }),
            ..named(INTAKE_QUEUE)
        },
    ]
}

/// Of a stack that is called as statements are where nothing else is set.
fn load_status_pattern() -> Value {
    let pattern = serde_json::from_str(LOAD_STATUS_PATTERN)
        .expect("the event pattern in this repository is JSON; a test reads it");
    rights::resolved(pattern)
}

/// The secrets in the shapes that RDS and Redshift write.
fn secrets(cluster: &Cluster) -> Vec<(String, String)> {
    let login = |database: &str| {
        json!({
            "host": "127.0.0.1",
            "port": cluster.port(),
            "username": DATABASE_USER,
            "password": cluster.password().unwrap_or(DATABASE_PASSWORD),
            "dbname": database,
        })
    };
    let mut postgres = login(CONTROL_DATABASE);
    postgres["engine"] = json!("postgres");
    let mut redshift = login(WAREHOUSE_DATABASE);
    redshift["engine"] = json!("redshift");
    redshift["database"] = json!(WAREHOUSE_DATABASE);
    redshift["dbClusterIdentifier"] = json!(CLUSTER);
    vec![
        (SECRET_POSTGRES.to_owned(), postgres.to_string()),
        (SECRET_REDSHIFT.to_owned(), redshift.to_string()),
    ]
}

fn ready_file(data: &DataFolder, cluster: &Cluster, stack: &LocalStack) -> ReadyFile {
    ReadyFile {
        region: REGION.to_owned(),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        bucket: BUCKET.to_owned(),
        input_prefix: INPUT_PREFIX.to_owned(),
        archive_folder: ARCHIVE_FOLDER.to_owned(),
        processing_folder: PROCESSING_FOLDER.to_owned(),
        control_database_url: cluster.url(CONTROL_DATABASE),
        warehouse_database_url: cluster.url(WAREHOUSE_DATABASE),
        topic_arn: stack.topic_arn(TOPIC),
        notifications_queue_url: stack.queue_url(QUEUE),
        queued_input_prefix: QUEUED_INPUT_PREFIX.to_owned(),
        intake_queue_url: stack.queue_url(INTAKE_QUEUE),
        undelivered_queue_url: stack.queue_url(UNDELIVERED_QUEUE),
        cluster_identifier: CLUSTER.to_owned(),
        database: WAREHOUSE_DATABASE.to_owned(),
        iam_role: IAM_ROLE.to_owned(),
        secret_postgres: SECRET_POSTGRES.to_owned(),
        secret_redshift: SECRET_REDSHIFT.to_owned(),
        functions: FUNCTIONS.map(str::to_owned).to_vec(),
        data_dir: data.path().display().to_string(),
        process_id: std::process::id(),
        endpoint_url: stack.endpoint_url().to_owned(),
    }
}

fn functions(
    executables: Vec<(&'static str, PathBuf)>,
    ready: &ReadyFile,
    options: &LocalOptions,
) -> Vec<FunctionOptions> {
    executables
        .into_iter()
        .map(|(name, executable)| FunctionOptions {
            name: name.to_owned(),
            executable,
            environment: ready
                .settings()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .chain(options.function_settings.clone())
                .collect(),
            concurrency: CONCURRENCY,
            timeout: options.function_timeout,
            memory_mb: FUNCTION_MEMORY_MB,
        })
        .collect()
}
