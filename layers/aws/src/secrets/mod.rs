//! Credentials from Secrets Manager, in the shapes that RDS and Redshift write. Kept in memory for a while, printed never.

mod credentials;
mod error;
mod fields;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use tokio::time::Instant;

use error::failed;
use fields::Fields;

pub use credentials::{Password, PostgresSecret, RedshiftSecret};
pub use error::SecretsError;

/// How long a secret is kept: a rotated password is picked up within that time, and a busy function does not pay for a
/// call per invocation.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// What a PostgreSQL secret must look like.
const POSTGRES_SHAPE: &str =
    r#"{"host": …, "port": 5432, "username": …, "password": …, "dbname": "postgres"}"#;
/// What a Redshift secret must look like.
const REDSHIFT_SHAPE: &str =
    r#"{"dbClusterIdentifier" or "workgroupName": …, "database": …, "username": …, "password": …}"#;

/// Where a secret has the key of encrypted files.
const KEY_FIELD: &str = "master_symmetric_key";
/// What the secret of encrypted files must look like.
const KEY_SHAPE: &str = r#"{"master_symmetric_key": …}, or the key alone"#;

/// 32 bytes are 43 letters and a filler.
fn is_key(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.len() == 44
        && text
            .strip_suffix('=')
            .is_some_and(|letters| letters.bytes().all(is_letter))
}

/// Reads secrets and keeps them for five minutes.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    kept: Arc<Mutex<HashMap<String, Kept>>>,
}

#[derive(Clone)]
struct Kept {
    until: Instant,
    secret: Arc<Fetched>,
}

/// A secret as the service gave it.
struct Fetched {
    arn: String,
    text: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Takes a client that knows its region, endpoint, timeouts and retries.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            kept: Arc::default(),
        }
    }

    /// Forgets a secret, so that the next question is answered by the service: what to do when a login fails, because
    /// the password may have been rotated.
    pub fn forget(&self, secret_id: &str) {
        self.kept().remove(secret_id);
    }

    /// The control database's secret, by name or ARN. Whether it says where that is is for the caller to judge, whose settings
    /// may say so.
    pub async fn postgres(&self, secret_id: &str) -> Result<PostgresSecret, SecretsError> {
        let secret = self.read(secret_id).await?;
        let fields = Fields::of(secret_id, &secret.text, POSTGRES_SHAPE)?;
        Ok(PostgresSecret {
            host: fields.optional("host", &["host"])?,
            port: fields.port("port")?.unwrap_or(5432),
            user: fields.required("username (or user)", &["username", "user"])?,
            password: Password::new(fields.required("password", &["password"])?),
            database: fields
                .optional("dbname (or database)", &["dbname", "database"])?
                .unwrap_or_else(|| "postgres".to_owned()),
        })
    }

    /// The warehouse's secret, by name or ARN. Whether it says enough is for the caller to judge, whose settings may say the
    /// rest: a secret that Redshift manages holds no more than a user and a password.
    pub async fn redshift(&self, secret_id: &str) -> Result<RedshiftSecret, SecretsError> {
        let secret = self.read(secret_id).await?;
        let fields = Fields::of(secret_id, &secret.text, REDSHIFT_SHAPE)?;
        let host = fields.optional("host", &["host"])?;
        let named = |suffix: &str| host.as_deref().and_then(|host| first_label(host, suffix));
        let cluster = ["dbClusterIdentifier", "clusterIdentifier"];
        let workgroup = ["workgroupName", "workgroup"];
        Ok(RedshiftSecret {
            arn: secret.arn.clone(),
            cluster_identifier: fields
                .optional("dbClusterIdentifier (or clusterIdentifier)", &cluster)?
                .or_else(|| named(".redshift.amazonaws.com")),
            workgroup: fields
                .optional("workgroupName (or workgroup)", &workgroup)?
                .or_else(|| named(".redshift-serverless.amazonaws.com")),
            database: fields.optional("database (or dbname)", &["database", "dbname"])?,
            user: fields.optional("username (or user)", &["username", "user"])?,
        })
    }

    /// The key that files were encrypted with before they were sent, as COPY takes it: 256 bits in base64, alone or in a field.
    pub async fn encryption_key(&self, secret_id: &str) -> Result<Password, SecretsError> {
        let secret = self.read(secret_id).await?;
        let text = secret.text.trim();
        let key = match text.starts_with('{') {
            false => text.to_owned(),
            true => Fields::of(secret_id, text, KEY_SHAPE)?
                .required(KEY_FIELD, &[KEY_FIELD])?
                .trim()
                .to_owned(),
        };
        match is_key(&key) {
            true => Ok(Password::new(key)),
            false => {
                // A key that is mended counts at once.
                self.forget(secret_id);
                Err(SecretsError::FieldInvalid {
                    secret_id: secret_id.to_owned(),
                    field: KEY_FIELD,
                    expected: "a 256-bit key in base64",
                    shape: KEY_SHAPE,
                })
            }
        }
    }

    async fn read(&self, secret_id: &str) -> Result<Arc<Fetched>, SecretsError> {
        let now = Instant::now();
        let kept = self.kept().get(secret_id).cloned();
        if let Some(kept) = kept.filter(|kept| kept.until > now) {
            return Ok(kept.secret);
        }
        let secret = Arc::new(self.fetch(secret_id).await?);
        let kept = Kept {
            until: now + KEPT_FOR,
            secret: Arc::clone(&secret),
        };
        self.kept().insert(secret_id.to_owned(), kept);
        Ok(secret)
    }

    async fn fetch(&self, secret_id: &str) -> Result<Fetched, SecretsError> {
        let request = self.client.get_secret_value().secret_id(secret_id);
        let answer = request.send().await.map_err(|error| failed(secret_id, error))?;
        let text = match (answer.secret_string, answer.secret_binary) {
            (Some(text), _) => text,
            // Not JSON then, which the reader of the fields reports.
            (None, binary) => binary
                .and_then(|binary| String::from_utf8(binary.into_inner()).ok())
                .unwrap_or_default(),
        };
        Ok(Fetched {
            arn: answer.arn.unwrap_or_else(|| secret_id.to_owned()),
            text,
        })
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().expect("nothing panics while it holds the lock")
    }
}

/// The first label of a host name with that ending somewhere in it: Redshift names clusters and workgroups there.
fn first_label(host: &str, suffix: &str) -> Option<String> {
    let label = host.split('.').next().filter(|label| !label.is_empty())?;
    host.contains(suffix).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scripted::{Reply, Script, secrets_client};

    fn holding(text: &str) -> Script {
        let answer =
            json!({"ARN": "arn:aws:secretsmanager:x:1:secret:s-AbCdEf", "Name": "s", "SecretString": text});
        Script::always(Reply::ok(answer.to_string()))
    }

    fn secrets(script: &Script) -> Secrets {
        Secrets::new(secrets_client(script))
    }

    #[rstest]
    #[case(r#"{"engine":"postgres","host":"db.example","port":5433,"username":"u","password":"p","dbname":"control"}"#)]
    #[case(r#"{"host":"db.example","port":"5433","user":"u","password":"p","database":"control"}"#)]
    #[tokio::test]
    async fn postgres_secrets_are_read_in_either_spelling(#[case] text: &str) {
        let secret = secrets(&holding(text)).postgres("s").await.unwrap();
        let expected = PostgresSecret {
            host: Some("db.example".to_owned()),
            port: 5433,
            user: "u".to_owned(),
            password: Password::new("p"),
            database: "control".to_owned(),
        };
        assert!(secret == expected);
    }

    #[tokio::test]
    async fn a_postgres_secret_needs_neither_host_nor_port_nor_database() {
        let text = r#"{"username":"u","password":"p"}"#;
        let secret = secrets(&holding(text)).postgres("s").await.unwrap();
        assert_eq!(secret.host, None);
        assert_eq!((secret.port, secret.database.as_str()), (5432, "postgres"));
    }

    #[rstest]
    #[case(
        r#"{"dbClusterIdentifier":"c","database":"dev","username":"u","host":"x"}"#,
        Some("c"),
        None,
        Some("dev")
    )]
    #[case(r#"{"clusterIdentifier":"c","dbname":"dev"}"#, Some("c"), None, Some("dev"))]
    #[case(r#"{"workgroupName":"w","dbname":"dev"}"#, None, Some("w"), Some("dev"))]
    #[case(
        r#"{"host":"c.abc.eu-central-1.redshift.amazonaws.com"}"#,
        Some("c"),
        None,
        None
    )]
    #[case(
        r#"{"host":"w.1.eu-central-1.redshift-serverless.amazonaws.com"}"#,
        None,
        Some("w"),
        None
    )]
    #[case(r#"{"username":"u","password":"p"}"#, None, None, None)]
    #[tokio::test]
    async fn redshift_secrets_are_read_in_every_shape_that_aws_writes(
        #[case] text: &str,
        #[case] cluster: Option<&str>,
        #[case] workgroup: Option<&str>,
        #[case] database: Option<&str>,
    ) {
        let secret = secrets(&holding(text)).redshift("s").await.unwrap();
        assert_eq!(secret.arn, "arn:aws:secretsmanager:x:1:secret:s-AbCdEf");
        assert_eq!(secret.cluster_identifier.as_deref(), cluster);
        assert_eq!(secret.workgroup.as_deref(), workgroup);
        assert_eq!(secret.database.as_deref(), database);
    }

    #[rstest]
    #[case("hunter2", "is no JSON object")]
    #[case(r#"["hunter2"]"#, "is no JSON object")]
    #[case(r#"{"host":"h","username":"u","password":""}"#, "no field password")]
    #[case(r#"{"host":"h","password":"hunter2"}"#, "no field username (or user)")]
    #[case(
        r#"{"host":"h","username":"u","password":"p","port":"hunter2"}"#,
        "field port of the secret s is not a port"
    )]
    #[case(
        r#"{"host":{"a":"hunter2"},"username":"u","password":"p"}"#,
        "field host of the secret s is not text"
    )]
    #[tokio::test]
    async fn a_secret_of_another_shape_is_named_and_never_quoted(#[case] text: &str, #[case] expected: &str) {
        let error = secrets(&holding(text)).postgres("s").await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected), "{said}");
        assert!(error.to_string().contains("\"username\""), "{error}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[rstest]
    #[case(r#"{"master_symmetric_key":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}"#)]
    #[case("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")]
    #[tokio::test]
    async fn the_key_of_encrypted_files_stands_in_a_field_or_alone(#[case] text: &str) {
        let key = secrets(&holding(text)).encryption_key("s").await.unwrap();
        assert_eq!(key.expose(), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    }

    #[rstest]
    #[case("hunter2")]
    #[case(r#"{"key":"hunter2"}"#)]
    #[case(r#"{"master_symmetric_key":"hunter2"}"#)]
    #[case("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5M'--")]
    #[tokio::test]
    async fn what_is_no_key_is_refused_and_never_quoted(#[case] text: &str) {
        let error = secrets(&holding(text)).encryption_key("s").await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        let said = format!("{error} {error:?}");
        assert!(
            said.contains("master_symmetric_key") && !said.contains("hunter2") && !said.contains("MDEy"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn debug_prints_nothing_of_a_secret() {
        let text = r#"{"host":"hunter2h","username":"hunter2u","password":"hunter2p","dbname":"hunter2d"}"#;
        let secrets = secrets(&holding(text));
        let postgres = secrets.postgres("s").await.unwrap();
        let redshift = secrets.redshift("s").await.unwrap();
        let printed = format!("{postgres:?} {redshift:?} {secrets:?} {:?}", postgres.password);
        assert!(!printed.contains("hunter2"), "{printed}");
        assert_eq!(postgres.password.expose(), "hunter2p");
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_asked_for_once_in_five_minutes_unless_it_is_forgotten() {
        let script = holding(r#"{"host":"h","username":"u","password":"p"}"#);
        let secrets = secrets(&script);
        secrets.postgres("s").await.unwrap();
        secrets.postgres("s").await.unwrap();
        assert_eq!(script.requests().len(), 1);
        secrets.forget("s");
        secrets.postgres("s").await.unwrap();
        assert_eq!(script.requests().len(), 2);
        tokio::time::advance(KEPT_FOR).await;
        secrets.postgres("s").await.unwrap();
        assert_eq!(script.requests().len(), 3);
    }

    #[rstest]
    #[case(
        Reply::json_error(400, "ResourceNotFoundException"),
        "there is no secret s",
        Disposition::Misconfigured
    )]
    #[case(
        Reply::json_error(400, "AccessDeniedException"),
        "secretsmanager:GetSecretValue",
        Disposition::Misconfigured
    )]
    #[case(
        Reply::json_error(400, "InvalidRequestException"),
        "refused to give",
        Disposition::Misconfigured
    )]
    #[case(
        Reply::json_error(400, "ThrottlingException"),
        "could not be read",
        Disposition::Retry
    )]
    #[case(
        Reply::json_error(500, "InternalServiceError"),
        "could not be read",
        Disposition::Retry
    )]
    #[case(Reply::refused_connection(), "could not be read", Disposition::Retry)]
    #[case(Reply::ok("{\"SecretString\":").then_breaks(), "could not be read", Disposition::Retry)]
    #[case(
        Reply::ok("{\"SecretString\":\"hunter2"),
        "could not be read",
        Disposition::Retry
    )]
    #[tokio::test]
    async fn a_secret_that_cannot_be_read_says_what_to_do(
        #[case] reply: Reply,
        #[case] expected: &str,
        #[case] disposition: Disposition,
    ) {
        let error = secrets(&Script::new([reply])).postgres("s").await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.disposition(), disposition);
    }
}
