//! A running stack and a test's own clients for it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use aws_credential_types::Credentials;
use longshore_testkit::{LocalStack, LocalStackOptions, Ready};
use serde_json::Value;
use tokio_postgres::NoTls;

use super::mailbox::Mailbox;
use super::{Load, Story};

/// Far more than any load takes, also on a machine that compiles beside it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// Statics are never dropped: the stack ends when this process does, which its supervisor sees to.
static SHARED: LazyLock<Result<Arc<Stack>, String>> = LazyLock::new(|| {
    Stack::start(LocalStackOptions::default())
        .map(Arc::new)
        .map_err(|error| format!("{error:#}"))
});

/// A running stack and what was received from its queue.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) local: LocalStack,
    pub(super) mailbox: Mailbox,
}

impl Stack {
    pub(crate) fn start(options: LocalStackOptions) -> anyhow::Result<Self> {
        Ok(Self {
            local: LocalStack::start(options)?,
            mailbox: Mailbox::default(),
        })
    }
}

/// Builds any of the SDK's clients; their types differ, their methods do not.
macro_rules! client {
    ($sdk:ident, $ready:expr) => {{
        let config = $sdk::config::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new($ready.region.clone()))
            .credentials_provider(credentials($ready))
            .endpoint_url(&$ready.endpoint_url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        $sdk::Client::from_conf(config)
    }};
}

pub(super) fn credentials(ready: &Ready) -> Credentials {
    Credentials::new(
        ready.access_key_id.clone(),
        ready.secret_access_key.clone(),
        None,
        None,
        "ready file",
    )
}

/// A stack as one test sees it. Connections belong to the test's runtime, so each test has its own.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) stack: Arc<Stack>,
    pub(crate) objects: aws_sdk_s3::Client,
    pub(crate) queue: aws_sdk_sqs::Client,
    pub(crate) warehouse: aws_sdk_redshiftdata::Client,
    pub(crate) control: tokio_postgres::Client,
}

impl World {
    /// Whatever waits for a time of its own, up to a quarter of an hour, is due: tries, probes, messages and listings.
    pub(crate) async fn let_time_pass(&self) -> anyhow::Result<()> {
        let sql = "
            UPDATE rdscnfg.ext_warehouse SET probe_at = now() WHERE probe_at > now();
            UPDATE rdscnfg.ext_file_load SET due_at = now() WHERE due_at > now();
            UPDATE rdscnfg.ext_outbox SET send_after = now() WHERE send_after > now();
            UPDATE rdscnfg.ext_watched_prefix SET try_after = now() WHERE try_after > now()";
        self.control.batch_execute(sql).await.context("let time pass")
    }

    /// The stack that all tests of this process share.
    pub(crate) async fn shared() -> anyhow::Result<Self> {
        match &*SHARED {
            Ok(stack) => Self::on(Arc::clone(stack)).await,
            Err(error) => bail!("the shared stack did not start: {error}"),
        }
    }

    /// Clients for a stack.
    pub(crate) async fn on(stack: Arc<Stack>) -> anyhow::Result<Self> {
        let ready = stack.local.ready();
        let (control, connection) = tokio_postgres::connect(&ready.control_database_url, NoTls)
            .await
            .context("connect to the control database")?;
        // Its end is the end of the client, and a test that cares sees it there.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self {
            objects: client!(aws_sdk_s3, ready),
            queue: client!(aws_sdk_sqs, ready),
            warehouse: client!(aws_sdk_redshiftdata, ready),
            control,
            stack,
        })
    }

    pub(crate) fn ready(&self) -> &Ready {
        self.stack.local.ready()
    }

    /// The key of a file that lands.
    pub(crate) fn input_key(&self, file_name: &str) -> String {
        format!("{}{file_name}", self.ready().input_prefix)
    }

    /// Puts an object into the bucket. Gives its etag.
    pub(crate) async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) -> anyhow::Result<String> {
        let put = self
            .objects
            .put_object()
            .bucket(&self.ready().bucket)
            .key(key)
            .body(bytes.into().into())
            .send()
            .await
            .with_context(|| format!("put {key}"))?;
        Ok(put.e_tag().unwrap_or_default().to_owned())
    }

    /// Takes an object away.
    pub(crate) async fn remove(&self, key: &str) -> anyhow::Result<()> {
        self.objects
            .delete_object()
            .bucket(&self.ready().bucket)
            .key(key)
            .send()
            .await
            .with_context(|| format!("remove {key}"))?;
        Ok(())
    }

    /// The bytes of an object, if it is there.
    pub(crate) async fn get(&self, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let got = self
            .objects
            .get_object()
            .bucket(&self.ready().bucket)
            .key(key)
            .send()
            .await;
        match got {
            Ok(object) => Ok(Some(object.body.collect().await?.to_vec())),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("get {key}")),
        }
    }

    /// The keys below a folder.
    pub(crate) async fn keys_in(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let listed = self
            .objects
            .list_objects_v2()
            .bucket(&self.ready().bucket)
            .prefix(folder)
            .send()
            .await
            .context("list objects")?;
        let keys = listed.contents().iter().filter_map(|object| object.key());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Lands a file and waits until everything about it is done and told.
    pub(crate) async fn land(&self, file_name: &str, bytes: impl Into<Vec<u8>>) -> anyhow::Result<Story> {
        let key = self.input_key(file_name);
        self.put(&key, bytes).await?;
        self.story(&key).await
    }

    /// Waits until everything about the one load of a key is done and told.
    pub(crate) async fn story(&self, key: &str) -> anyhow::Result<Story> {
        let mut stories = self.stories(key, 1).await?;
        match (stories.pop(), stories.is_empty()) {
            (Some(story), true) => Ok(story),
            (last, _) => bail!(
                "{key} has {} loads instead of one: {}",
                stories.len() + usize::from(last.is_some()),
                last.map(|story| story.to_string()).unwrap_or_default()
            ),
        }
    }

    /// Waits until a key has at least `count` loads and everything about them is done and told; the oldest first.
    pub(crate) async fn stories(&self, key: &str, count: usize) -> anyhow::Result<Vec<Story>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let loads = self.loads_of(key).await?;
            let whole = loads.iter().filter(|load| !load.is_part()).count();
            let settled = whole >= count && loads.iter().all(Load::is_settled);
            if settled || Instant::now() > deadline {
                let stories = Story::gather(self, loads).await?;
                if settled {
                    return Ok(stories);
                }
                let told: Vec<String> = stories.iter().map(ToString::to_string).collect();
                bail!(
                    "{key} did not come to {count} settled loads within {} s:\n{}\n{}",
                    PATIENCE.as_secs(),
                    told.join("\n"),
                    super::story::log_tail(&self.stack.local, None)
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Has the columns of rules that commands make begin far above the numbers that tests give theirs.
    pub(crate) async fn set_column_numbers_apart(&self) -> anyhow::Result<()> {
        let sql = "INSERT INTO rdscnfg.ext_file_config_dtl
                (ext_file_config_dtl_sid, column_name, column_order_sqnc, oprtnl_flag)
            VALUES (1000000, 'of no rule', 1, 'I')
            ON CONFLICT DO NOTHING";
        self.control
            .batch_execute(sql)
            .await
            .context("set column numbers apart")
    }

    /// What is on record about a key so far, for the failure of a test.
    pub(crate) async fn tell(&self, key: &str) -> anyhow::Result<String> {
        let stories = Story::gather(self, self.loads_of(key).await?).await?;
        let told: Vec<String> = stories.iter().map(ToString::to_string).collect();
        Ok(told.join("\n"))
    }

    /// The loads of a key, and those of its parts, as the ledger has them now.
    pub(crate) async fn loads_of(&self, key: &str) -> anyhow::Result<Vec<Load>> {
        let rows = self
            .control
            .query(include_str!("loads_of_key.sql"), &[&key])
            .await
            .context("read the ledger")?;
        Ok(rows.iter().map(|row| Load::new(row.get::<_, Value>(0))).collect())
    }

    /// Rows of the control database, each as JSON; `sql` gives one column of type jsonb.
    pub(crate) async fn control_rows(&self, sql: &str) -> anyhow::Result<Vec<Value>> {
        let rows = self
            .control
            .query(sql, &[])
            .await
            .with_context(|| format!("run {sql}"))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Ends every connection to the control database and lets nobody in.
    pub(crate) async fn shut_control_database(&self) -> anyhow::Result<()> {
        self.administer(
            "ALTER DATABASE control ALLOW_CONNECTIONS false;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'control'",
        )
        .await
    }

    /// Lets everybody in again.
    pub(crate) async fn open_control_database(&self) -> anyhow::Result<()> {
        self.administer("ALTER DATABASE control ALLOW_CONNECTIONS true")
            .await
    }

    /// Gives everybody's user of the control database another password, which is asked for from then on, and cuts off who is there.
    pub(crate) async fn rotate_password(&self, password: &str) -> anyhow::Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.ready().warehouse_database_url, NoTls)
            .await
            .context("connect to the warehouse's server")?;
        tokio::spawn(async move { connection.await.ok() });
        let file: String = client.query_one("SHOW hba_file", &[]).await?.get(0);
        client
            .batch_execute(&format!(
                "ALTER ROLE CURRENT_USER PASSWORD '{password}';
                 COPY (VALUES
                     ('local control all scram-sha-256'),
                     ('host control all all scram-sha-256'),
                     ('local all all trust'),
                     ('host all all all trust')
                 ) TO '{file}';"
            ))
            .await
            .context("demand a password")?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        // Until then the warehouse's users are asked for the new password too.
        let mut is_in_force = false;
        for _ in 0..100 {
            is_in_force = tokio_postgres::connect(&self.ready().warehouse_database_url, NoTls)
                .await
                .is_ok();
            if is_in_force {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ensure!(is_in_force, "the server did not read its configuration again");
        self.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'control'")
            .await
    }

    /// Runs SQL on the local server, from its other database.
    async fn administer(&self, sql: &str) -> anyhow::Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.ready().warehouse_database_url, NoTls)
            .await
            .context("connect to the warehouse's server")?;
        tokio::spawn(async move { connection.await.ok() });
        for statement in sql.split(';') {
            client
                .batch_execute(statement)
                .await
                .with_context(|| format!("run {statement}"))?;
        }
        Ok(())
    }

    /// Everything that was published, with the text that each kind of subscriber gets.
    pub(crate) async fn published(&self) -> anyhow::Result<Vec<Value>> {
        let page = self.page("/_local/notifications").await?;
        Ok(page["notifications"].as_array().cloned().unwrap_or_default())
    }
}
