//! What secrets hold.

use std::fmt;

/// A password. Neither `Debug` nor anything else prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The bare password, for the one place that logs in with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// Where the control database is, and as whom we log in.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresSecret {
    /// A host name, an address, or the folder of a socket (then it begins with `/`), when the secret says so.
    pub host: Option<String>,
    /// The port; 5432 when the secret names none.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// The database; `postgres` when the secret names none.
    pub database: String,
}

/// Where the warehouse is. The Data API reads the password itself, by the secret's ARN; it is not kept here.
#[derive(Clone, PartialEq, Eq)]
pub struct RedshiftSecret {
    /// The secret's full ARN.
    pub arn: String,
    /// The provisioned cluster, when the secret or its host name says so.
    pub cluster_identifier: Option<String>,
    /// The serverless workgroup, when the secret or its host name says so.
    pub workgroup: Option<String>,
    /// The database; absent from secrets that Redshift manages by itself.
    pub database: Option<String>,
    /// The database user.
    pub user: Option<String>,
}

impl fmt::Debug for PostgresSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PostgresSecret(…)")
    }
}

impl fmt::Debug for RedshiftSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RedshiftSecret(…)")
    }
}
