//! What a query asks of the Data API.

use serde::{Deserialize, Serialize};

/// The fields of `ExecuteStatement` that a chain passes on, the deployment's defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StatementRequest {
    /// The statement.
    pub sql: String,
    /// A provisioned cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_identifier: Option<String>,
    /// Or a serverless workgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workgroup_name: Option<String>,
    /// The database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// A database user, with temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_user: Option<String>,
    /// Or a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_arn: Option<String>,
    /// A session to go on with; it knows the place and the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// How long the session is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_keep_alive_seconds: Option<u32>,
    /// What the statement is called; the runner has a name for those that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_name: Option<String>,
    /// `JSON` or `CSV`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_format: Option<String>,
    /// Whether EventBridge is told how it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_event: Option<bool>,
    /// Values for the statement's `:names`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<SqlParameter>,
}

/// A value for one `:name` of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SqlParameter {
    /// Its name, without the colon.
    #[serde(alias = "name")]
    pub name: String,
    /// Its value.
    #[serde(alias = "value")]
    pub value: String,
}
