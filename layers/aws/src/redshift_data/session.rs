//! Where a statement runs and as whom, in the Data API's words.

use longshore_domain::target::{Compute, Login, Warehouse};

/// Where and as whom, in the Data API's words.
pub(super) struct Session {
    pub(super) cluster: Option<String>,
    pub(super) workgroup: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) user: Option<String>,
}

impl Session {
    pub(super) fn of(warehouse: &Warehouse) -> Self {
        let (cluster, workgroup) = match &warehouse.compute {
            Compute::Cluster(identifier) => (Some(identifier.clone()), None),
            Compute::Workgroup(name) => (None, Some(name.clone())),
        };
        let (secret, user) = match &warehouse.login {
            Login::Secret(secret) => (Some(secret.clone()), None),
            Login::DatabaseUser(user) => (None, Some(user.clone())),
            Login::CallerIdentity => (None, None),
        };
        Self {
            cluster,
            workgroup,
            secret,
            user,
        }
    }
}
