//! Builds a process out of its parts: AWS clients, the control database, and the app on top of them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use longshore_app::App;
use longshore_app::ports::SystemClock;
pub use longshore_aws::{
    BucketEvents, EventRuleStanding, InspectError, PartsUpload, QueueMessage, Queues, S3ObjectStore, Traffic,
};
use longshore_aws::{
    Inspector, PostgresSecret, RedshiftDataClient, RedshiftSecret, Secrets, SignedRequests, SnsNotifier,
};
use longshore_domain::disposition::Disposition;
use longshore_domain::target::{Compute, Login, Warehouse};
use longshore_store::{ConnectOptions, Password, Store, Tls};

use crate::http::http_client;
use crate::settings::{
    DATABASE_HOST, DatabaseTls, REDSHIFT_CLUSTER, REDSHIFT_DATABASE, REDSHIFT_WORKGROUP, Settings,
};

const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Until an answer begins, the sending of a part of an upload included.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(90);
/// With all its attempts. The body of an object that is read is not part of it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(300);

/// Why the parts do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// Neither the secret nor the settings say where the control database or the warehouse is.
    #[error("the secret {secret_id} does not say which {missing} to use; set {setting}")]
    PlaceUnknown {
        /// The secret.
        secret_id: String,
        /// What is missing.
        missing: &'static str,
        /// The setting that would say it.
        setting: String,
    },
    /// The file of trusted certificates cannot be read.
    #[error("the certificates in {} cannot be read", path.display())]
    CertificatesUnreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl WiringError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::PlaceUnknown { .. } | Self::CertificatesUnreadable { .. } => Disposition::Misconfigured,
        }
    }
}

/// How AWS is reached.
#[derive(Clone)]
pub enum AwsAccess {
    /// Credentials and endpoint are found where every AWS program looks for them.
    FromEnvironment,
    /// A local stack: its endpoint and the one pair of keys that it takes.
    Fixed {
        /// Where every service is.
        endpoint_url: String,
        /// The access key's id.
        access_key_id: String,
        /// The secret to it.
        secret_access_key: String,
    },
}

/// The AWS side of a process. Building it calls nobody.
#[derive(Debug, Clone)]
pub struct AwsClients {
    /// S3.
    pub objects: S3ObjectStore,
    /// The Redshift Data API.
    pub warehouse: RedshiftDataClient,
    /// SNS.
    pub notifier: SnsNotifier,
    /// Secrets Manager.
    pub secrets: Secrets,
    /// SQS.
    pub queues: Queues,
    /// What they say of themselves.
    pub inspector: Inspector,
}

impl AwsClients {
    /// Clients for one region.
    pub async fn new(region: &str, access: &AwsAccess) -> Self {
        let config = sdk_config(region, access).await;
        let (objects, topics) = (
            aws_sdk_s3::Client::new(&config),
            aws_sdk_sns::Client::new(&config),
        );
        let secrets = Secrets::new(aws_sdk_secretsmanager::Client::new(&config));
        Self {
            inspector: Inspector::new(objects.clone(), topics.clone(), signed_requests(region, &config)),
            objects: S3ObjectStore::new(objects),
            warehouse: RedshiftDataClient::new(aws_sdk_redshiftdata::Client::new(&config))
                .with_secrets(secrets.clone()),
            notifier: SnsNotifier::new(topics),
            queues: Queues::new(aws_sdk_sqs::Client::new(&config)),
            secrets,
        }
    }
}

/// The whole app: reads both secrets and the certificates side by side. The control database is connected to when it is first
/// asked something.
pub async fn connect(settings: &Settings, access: &AwsAccess) -> anyhow::Result<App> {
    let clients = AwsClients::new(&settings.region, access).await;
    let (store, warehouse) = tokio::try_join!(
        connect_store(settings, &clients.secrets),
        find_warehouse(settings, &clients.secrets)
    )?;
    Ok(App {
        config: Arc::new(settings.app_config(warehouse)),
        store,
        objects: Arc::new(clients.objects),
        warehouse: Arc::new(clients.warehouse),
        notifier: Arc::new(clients.notifier),
        clock: Arc::new(SystemClock),
    })
}

/// The control database alone, for programs that need no more.
pub async fn connect_store(settings: &Settings, secrets: &Secrets) -> anyhow::Result<Store> {
    let (database, certificates) = tokio::join!(
        find_database(settings, secrets),
        read_certificates(settings.database_ca_file.as_deref())
    );
    let database = database?;
    let tls = tls(settings.database_tls, &database.host, certificates?);
    Store::connect(connect_options(settings, database, tls))
        .context("prepare the control database's connections")
}

/// Where the control database is, and as whom we log in.
#[derive(Debug)]
pub struct ControlDatabase {
    /// A host name, an address, or the folder of a socket (then it begins with `/`).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub name: String,
    /// The role.
    pub user: String,
    password: Password,
}

/// The control database that the settings and the secret name.
pub async fn find_database(settings: &Settings, secrets: &Secrets) -> anyhow::Result<ControlDatabase> {
    let secret = secrets.postgres(&settings.secret_postgres).await;
    let secret = secret.context("read the control database's secret")?;
    Ok(control_database(settings, secret)?)
}

/// The warehouse of rules that name none.
pub async fn find_warehouse(settings: &Settings, secrets: &Secrets) -> anyhow::Result<Warehouse> {
    let secret = secrets.redshift(&settings.secret_redshift).await;
    let secret = secret.context("read the warehouse's secret")?;
    Ok(warehouse(settings, secret)?)
}

fn signed_requests(region: &str, config: &SdkConfig) -> SignedRequests {
    let connect = || {
        let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        SharedHttpConnector::new(connector.build())
    };
    let endpoint_url = config.endpoint_url();
    SignedRequests::new(connect, config.credentials_provider(), region, endpoint_url)
}

async fn sdk_config(region: &str, access: &AwsAccess) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(http_client())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    let loader = match access {
        AwsAccess::FromEnvironment => loader,
        AwsAccess::Fixed {
            endpoint_url,
            access_key_id,
            secret_access_key,
        } => {
            let keys = Credentials::new(access_key_id, secret_access_key, None, None, "local stack");
            loader.endpoint_url(endpoint_url).credentials_provider(keys)
        }
    };
    loader.load().await
}

async fn read_certificates(path: Option<&Path>) -> Result<Option<String>, WiringError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let read = tokio::fs::read_to_string(path).await;
    read.map(Some)
        .map_err(|source| WiringError::CertificatesUnreadable {
            path: path.to_owned(),
            source,
        })
}

/// Encrypted, unless the settings say otherwise or nothing leaves this machine.
fn tls(wanted: Option<DatabaseTls>, host: &str, ca_pem: Option<String>) -> Tls {
    match wanted {
        Some(DatabaseTls::Off) => Tls::Off,
        None if stays_on_this_machine(host) => Tls::Off,
        Some(DatabaseTls::Required) | None => Tls::Required { ca_pem },
    }
}

/// A socket's folder, or a loopback address.
fn stays_on_this_machine(host: &str) -> bool {
    let is_loopback = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    host.starts_with('/') || host.eq_ignore_ascii_case("localhost") || is_loopback
}

/// What the settings say comes first; the secret says the rest.
fn control_database(settings: &Settings, secret: PostgresSecret) -> Result<ControlDatabase, WiringError> {
    let host = settings.database_host.clone().or(secret.host);
    Ok(ControlDatabase {
        host: host.ok_or_else(|| WiringError::PlaceUnknown {
            secret_id: settings.secret_postgres.clone(),
            missing: "host",
            setting: DATABASE_HOST.to_owned(),
        })?,
        port: settings.database_port.unwrap_or(secret.port),
        name: settings.database_name.clone().unwrap_or(secret.database),
        user: secret.user,
        password: Password::new(secret.password.expose()),
    })
}

fn connect_options(settings: &Settings, database: ControlDatabase, tls: Tls) -> ConnectOptions {
    ConnectOptions {
        host: database.host,
        port: database.port,
        user: database.user,
        password: database.password,
        database: database.name,
        tls,
        schema: settings.control_schema.clone(),
        max_connections: settings.max_connections,
        application_name: "longshore".to_owned(),
    }
}

/// What the settings say comes first; the secret says the rest.
fn warehouse(settings: &Settings, secret: RedshiftSecret) -> Result<Warehouse, WiringError> {
    let unknown = |missing, setting: &str| WiringError::PlaceUnknown {
        secret_id: settings.secret_redshift.clone(),
        missing,
        setting: setting.to_owned(),
    };
    let chosen = compute(
        settings.redshift_cluster.clone(),
        settings.redshift_workgroup.clone(),
    );
    let compute = chosen
        .or_else(|| compute(secret.cluster_identifier, secret.workgroup))
        .ok_or_else(|| {
            unknown(
                "cluster or workgroup",
                &format!("{REDSHIFT_CLUSTER} or {REDSHIFT_WORKGROUP}"),
            )
        })?;
    let database = settings.redshift_database.clone().or(secret.database);
    Ok(Warehouse {
        compute,
        database: database.ok_or_else(|| unknown("database", REDSHIFT_DATABASE))?,
        login: Login::Secret(secret.arn),
        iam_role: settings.iam_role.clone(),
        region: settings.region.clone(),
    })
}

/// A workgroup wins over a cluster: a secret that names both was written for a cluster that has moved.
fn compute(cluster: Option<String>, workgroup: Option<String>) -> Option<Compute> {
    workgroup
        .map(Compute::Workgroup)
        .or(cluster.map(Compute::Cluster))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn settings(more: &[(&'static str, &'static str)]) -> Settings {
        let needed = [
            ("secret_postgres", "control"),
            ("secret_redshift", "house"),
            ("sns_topic_arn", "arn:aws:sns:eu-central-1:1:outcomes"),
            ("iam_role", "default"),
            ("region", "eu-central-1"),
        ];
        Settings::from_pairs(needed.into_iter().chain(more.iter().copied())).unwrap()
    }

    fn secret(cluster: Option<&str>, database: Option<&str>) -> RedshiftSecret {
        RedshiftSecret {
            arn: "arn:house".to_owned(),
            cluster_identifier: cluster.map(str::to_owned),
            workgroup: None,
            database: database.map(str::to_owned),
            user: None,
        }
    }

    fn postgres_secret(host: Option<&str>) -> PostgresSecret {
        PostgresSecret {
            host: host.map(str::to_owned),
            port: 5433,
            user: "u".to_owned(),
            password: longshore_aws::Password::new("p"),
            database: "control".to_owned(),
        }
    }

    fn place(database: &ControlDatabase) -> String {
        format!(
            "{}@{}:{}/{}",
            database.user, database.host, database.port, database.name
        )
    }

    #[test]
    fn the_secret_says_where_the_control_database_is() {
        let found = control_database(&settings(&[]), postgres_secret(Some("db"))).unwrap();
        assert_eq!(place(&found), "u@db:5433/control");
    }

    #[test]
    fn the_settings_say_it_before_the_secret_which_says_as_whom() {
        let settings = settings(&[
            ("LONGSHORE_DATABASE_HOST", "proxy"),
            ("LONGSHORE_DATABASE_PORT", "5432"),
            ("LONGSHORE_DATABASE_NAME", "longshore"),
        ]);
        for host in [None, Some("db")] {
            let found = control_database(&settings, postgres_secret(host)).unwrap();
            assert_eq!(place(&found), "u@proxy:5432/longshore");
        }
    }

    #[test]
    fn a_control_database_that_nobody_names_is_asked_for() {
        let error = control_database(&settings(&[]), postgres_secret(None)).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        let expected = "the secret control does not say which host to use; set LONGSHORE_DATABASE_HOST";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_secret_names_the_warehouse() {
        let warehouse = warehouse(&settings(&[]), secret(Some("c"), Some("dev"))).unwrap();
        assert_eq!(warehouse.to_string(), "cluster c/dev");
        assert_eq!(warehouse.login, Login::Secret("arn:house".to_owned()));
        assert_eq!(warehouse.iam_role, "default");
    }

    #[test]
    fn the_settings_come_before_the_secret() {
        let settings = settings(&[
            ("LONGSHORE_REDSHIFT_WORKGROUP", "w"),
            ("LONGSHORE_REDSHIFT_DATABASE", "d"),
        ]);
        let warehouse = warehouse(&settings, secret(Some("c"), Some("dev"))).unwrap();
        assert_eq!(warehouse.to_string(), "workgroup w/d");
    }

    #[rstest]
    #[case(
        secret(None, Some("dev")),
        "set LONGSHORE_REDSHIFT_CLUSTER or LONGSHORE_REDSHIFT_WORKGROUP"
    )]
    #[case(secret(Some("c"), None), "set LONGSHORE_REDSHIFT_DATABASE")]
    fn a_warehouse_that_nobody_names_is_asked_for(#[case] secret: RedshiftSecret, #[case] expected: &str) {
        let error = warehouse(&settings(&[]), secret).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("secret house"), "{error}");
    }

    #[rstest]
    #[case(None, "/run/postgresql", false)]
    #[case(None, "127.0.0.1", false)]
    #[case(None, "::1", false)]
    #[case(None, "localhost", false)]
    #[case(None, "db.example", true)]
    #[case(None, "127.0.0.1.example", true)]
    #[case(Some(DatabaseTls::Off), "db.example", false)]
    #[case(Some(DatabaseTls::Required), "127.0.0.1", true)]
    fn only_what_leaves_the_machine_must_be_encrypted(
        #[case] wanted: Option<DatabaseTls>,
        #[case] host: &str,
        #[case] encrypted: bool,
    ) {
        assert_eq!(tls(wanted, host, None) != Tls::Off, encrypted);
    }

    #[tokio::test]
    async fn a_certificate_file_that_is_not_there_is_named() {
        let error = read_certificates(Some(Path::new("/nowhere/rds.pem")))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/rds.pem"), "{error}");
    }
}
