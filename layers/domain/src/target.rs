//! Where rows go: a warehouse and a table in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A table of the warehouse by schema and name, as the rule spells them; quoting is for `longshore-copy`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table within it.
    pub table: String,
}

impl TableName {
    /// Names a table.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            table: table.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.schema, self.table)
    }
}

/// The compute that runs our statements. The Data API takes one or the other, never both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compute {
    /// A provisioned cluster by its identifier.
    Cluster(String),
    /// A serverless workgroup by name or ARN.
    Workgroup(String),
}

/// As whom statements run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Login {
    /// A secret in Secrets Manager, by name or ARN.
    Secret(String),
    /// A database user with temporary credentials (provisioned clusters only).
    DatabaseUser(String),
    /// The calling IAM identity itself.
    CallerIdentity,
}

/// A warehouse: where statements are sent and what COPY may read with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Warehouse {
    /// Cluster or workgroup.
    pub compute: Compute,
    /// The database in it.
    pub database: String,
    /// As whom we connect.
    pub login: Login,
    /// The ARN of the role that COPY reads S3 with, or `default`.
    pub iam_role: String,
    /// The region of the buckets that COPY reads.
    pub region: String,
}

impl fmt::Display for Warehouse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.compute {
            Compute::Cluster(identifier) => write!(formatter, "cluster {identifier}/{}", self.database),
            Compute::Workgroup(name) => write!(formatter, "workgroup {name}/{}", self.database),
        }
    }
}
