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

impl fmt::Display for Login {
    /// Of a secret its name alone: the rest of an ARN says nothing to people.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(id) => {
                let name = id.split_once(":secret:").map_or(id.as_str(), |(_, name)| name);
                write!(formatter, "secret {name}")
            }
            Self::DatabaseUser(user) => write!(formatter, "user {user}"),
            Self::CallerIdentity => formatter.write_str("the caller"),
        }
    }
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

impl Warehouse {
    /// Whether tables of the same name are the same there, whoever logs in and whatever COPY may read.
    pub fn has_tables_of(&self, other: &Self) -> bool {
        self.compute == other.compute && self.database == other.database
    }

    /// The name that its standing is kept under. Each login has one of its own: that one may not come in says nothing about another.
    /// Whoever comes as the deployment itself, `own`, has the warehouse's plain name.
    pub fn standing(&self, own: &Login) -> String {
        match self.login == *own {
            true => self.to_string(),
            false => format!("{self} as {}", self.login),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warehouse(login: Login) -> Warehouse {
        Warehouse {
            compute: Compute::Cluster("house".to_owned()),
            database: "dev".to_owned(),
            login,
            iam_role: "default".to_owned(),
            region: "eu-central-1".to_owned(),
        }
    }

    #[test]
    fn a_warehouse_stands_by_itself_for_each_login_and_by_its_plain_name_for_the_deployments_own() {
        let own = Login::Secret("arn:aws:secretsmanager:eu-central-1:1:secret:house-AbCdEf".to_owned());
        let other = Login::Secret("arn:aws:secretsmanager:eu-central-1:1:secret:mart-GhIjKl".to_owned());
        let standing = |login| warehouse(login).standing(&own);
        assert_eq!(standing(own.clone()), "cluster house/dev");
        assert_eq!(standing(other), "cluster house/dev as secret mart-GhIjKl");
        assert_eq!(
            standing(Login::Secret("mart".to_owned())),
            "cluster house/dev as secret mart"
        );
        assert_eq!(
            standing(Login::DatabaseUser("ann".to_owned())),
            "cluster house/dev as user ann"
        );
        assert_eq!(standing(Login::CallerIdentity), "cluster house/dev as the caller");
    }
}
