//! Secrets Manager: a name, an ARN, and the present and the previous value.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::ApiError;
use crate::index::{Index, IndexError, Read, Records, Writer};
use crate::request::{optional_text, text};
use crate::time::Moment;

const SECRETS: Records<&'static str, Secret> = Records::new("secrets");
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Secret {
    name: String,
    arn: String,
    description: Option<String>,
    created: Moment,
    changed: Moment,
    current: Version,
    previous: Option<Version>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Version {
    id: String,
    content: Content,
    created: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Content {
    Text(String),
    /// Base64, as it travels.
    Binary(String),
}

/// The service.
pub(crate) struct Secrets {
    index: Arc<Index>,
    arn_prefix: String,
}

impl Secrets {
    /// The secrets of an account and region.
    pub(crate) fn new(index: Arc<Index>, region: &str, account: &str) -> Self {
        Self {
            index,
            arn_prefix: format!("arn:aws:secretsmanager:{region}:{account}:secret:"),
        }
    }

    /// Makes sure that a secret has a value. The same value again makes no new version.
    pub(crate) async fn put(&self, name: String, text: String) -> Result<(), IndexError> {
        let arn = self.new_arn(&name);
        self.index
            .write(move |writer| {
                let content = Content::Text(text);
                match writer.get(&SECRETS, &name)? {
                    Some(secret) if secret.current.content == content => Ok(()),
                    Some(mut secret) => {
                        secret.replace(Version::new(content, None));
                        writer.put(&SECRETS, &name, &secret)
                    }
                    None => writer.put(
                        &SECRETS,
                        &name,
                        &Secret::new(&name, arn, None, Version::new(content, None)),
                    ),
                }
            })
            .await
    }

    /// Answers an operation.
    pub(crate) async fn handle(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        match operation {
            "GetSecretValue" => self.value(&request),
            "DescribeSecret" => Ok(find(&self.index.read()?, text(&request, "SecretId")?)?.describe()),
            "ListSecrets" => self.list(),
            "CreateSecret" => self.create(request).await,
            "PutSecretValue" | "UpdateSecret" => self.change(request).await,
            "DeleteSecret" => self.delete(request).await,
            _ => Err(ApiError::unknown_operation("secretsmanager", operation)),
        }
    }

    fn value(&self, request: &Value) -> Result<Value, ApiError> {
        let secret = find(&self.index.read()?, text(request, "SecretId")?)?;
        let stage = optional_text(request, "VersionStage");
        let wanted_id = optional_text(request, "VersionId");
        let previous = secret.previous.as_ref().map(|version| (PREVIOUS, version));
        let mut versions = std::iter::once((CURRENT, &secret.current)).chain(previous);
        let found = versions.find(|(of_stage, version)| match wanted_id {
            Some(id) => id == version.id && stage.is_none_or(|stage| stage == *of_stage),
            None => stage.unwrap_or(CURRENT) == *of_stage,
        });
        let Some((stage, version)) = found else {
            return Err(not_found(
                "Secrets Manager can't find the specified secret value for that version.",
            ));
        };
        let (field, content) = match &version.content {
            Content::Text(content) => ("SecretString", content),
            Content::Binary(content) => ("SecretBinary", content),
        };
        Ok(json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version.id,
            "VersionStages": [stage],
            "CreatedDate": version.created.epoch_seconds(),
            field: content,
        }))
    }

    fn list(&self) -> Result<Value, ApiError> {
        let mut secrets = Vec::new();
        self.index.read()?.scan(&SECRETS, "", |_, secret| {
            secrets.push(secret.describe());
            ControlFlow::Continue(())
        })?;
        Ok(json!({ "SecretList": secrets }))
    }

    async fn create(&self, request: Value) -> Result<Value, ApiError> {
        let name = text(&request, "Name")?.to_owned();
        let description = optional_text(&request, "Description").map(str::to_owned);
        let content = content(&request)?.unwrap_or(Content::Text(String::new()));
        let version = Version::new(content, optional_text(&request, "ClientRequestToken"));
        let secret = Secret::new(&name, self.new_arn(&name), description, version);
        let answer = json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": secret.current.id });
        self.index
            .write(move |writer| {
                if writer.get(&SECRETS, &name)?.is_some() {
                    let message = format!("The operation failed because the secret {name} already exists.");
                    return Err(ApiError::invalid("ResourceExistsException", message));
                }
                Ok(writer.put(&SECRETS, &name, &secret)?)
            })
            .await?;
        Ok(answer)
    }

    async fn change(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer| {
                let mut secret = find(writer, text(&request, "SecretId")?)?;
                if let Some(content) = content(&request)? {
                    secret.replace(Version::new(content, optional_text(&request, "ClientRequestToken")));
                }
                let name = secret.name.clone();
                writer.put(&SECRETS, &name, &secret)?;
                Ok(json!({
                    "ARN": secret.arn, "Name": name, "VersionId": secret.current.id, "VersionStages": [CURRENT],
                }))
            })
            .await
    }

    /// Deletes at once: there is no recovery window on one machine.
    async fn delete(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer: &Writer| {
                let secret = find(writer, text(&request, "SecretId")?)?;
                writer.remove(&SECRETS, &secret.name)?;
                Ok(json!({
                    "ARN": secret.arn, "Name": secret.name, "DeletionDate": Moment::now().epoch_seconds(),
                }))
            })
            .await
    }

    fn new_arn(&self, name: &str) -> String {
        let suffix: String = uuid::Uuid::new_v4()
            .simple()
            .to_string()
            .chars()
            .take(6)
            .collect();
        format!("{}{name}-{suffix}", self.arn_prefix)
    }
}

impl Secret {
    fn new(name: &str, arn: String, description: Option<String>, current: Version) -> Self {
        let created = current.created;
        Self {
            name: name.to_owned(),
            arn,
            description,
            created,
            changed: created,
            current,
            previous: None,
        }
    }

    fn replace(&mut self, version: Version) {
        self.changed = version.created;
        self.previous = Some(std::mem::replace(&mut self.current, version));
    }

    fn describe(&self) -> Value {
        let mut stages = json!({ self.current.id.as_str(): [CURRENT] });
        if let Some(previous) = &self.previous {
            stages[previous.id.as_str()] = json!([PREVIOUS]);
        }
        json!({
            "ARN": self.arn,
            "Name": self.name,
            "Description": self.description,
            "CreatedDate": self.created.epoch_seconds(),
            "LastChangedDate": self.changed.epoch_seconds(),
            "VersionIdsToStages": stages,
        })
    }
}

impl Version {
    fn new(content: Content, token: Option<&str>) -> Self {
        let id = token.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        Self {
            id,
            content,
            created: Moment::now(),
        }
    }
}

/// Finds a secret by name, by ARN, or by ARN without the six characters at its end.
fn find(read: &impl Read, id: &str) -> Result<Secret, ApiError> {
    if let Some(secret) = read.get(&SECRETS, id)? {
        return Ok(secret);
    }
    let mut found = None;
    read.scan(&SECRETS, "", |_, secret| {
        let without_suffix = secret.arn.get(..secret.arn.len().saturating_sub(7));
        if secret.arn == id || without_suffix == Some(id) {
            found = Some(secret);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    found.ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
}

fn content(request: &Value) -> Result<Option<Content>, ApiError> {
    match (
        optional_text(request, "SecretString"),
        optional_text(request, "SecretBinary"),
    ) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        )),
        (Some(content), None) => Ok(Some(Content::Text(content.to_owned()))),
        (None, Some(content)) => Ok(Some(Content::Binary(content.to_owned()))),
        (None, None) => Ok(None),
    }
}

fn not_found(message: &str) -> ApiError {
    ApiError::invalid("ResourceNotFoundException", message)
}
