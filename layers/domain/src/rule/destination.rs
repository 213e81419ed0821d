//! Where the rows go: the table and the warehouse that it is in.

use super::cells::non_blank;
use super::fault::Collector;
use super::{RuleFault, RuleRow, TargetRow};
use crate::target::{Compute, Login, TableName, Warehouse};

pub(super) fn table(row: &RuleRow, faults: &mut Collector) -> Option<TableName> {
    match (non_blank(&row.tgt_schema_name), non_blank(&row.tgt_table_name)) {
        (Some(schema), Some(table)) => Some(TableName { schema, table }),
        (None, None) => None,
        (None, Some(_)) => {
            faults.add("tgt_schema_name", "is not set, though tgt_table_name is");
            None
        }
        (Some(_), None) => {
            faults.add("tgt_table_name", "is not set, though tgt_schema_name is");
            None
        }
    }
}

pub(super) fn warehouse(target: &TargetRow) -> Result<Warehouse, RuleFault> {
    let compute = match (
        non_blank(&target.cluster_identifier),
        non_blank(&target.workgroup_name),
    ) {
        (Some(cluster), None) => Compute::Cluster(cluster),
        (None, Some(workgroup)) => Compute::Workgroup(workgroup),
        _ => {
            return Err(RuleFault::new(
                "ext_target.cluster_identifier",
                format!(
                    "target {} names both or neither of a cluster and a workgroup; set one",
                    target.target_name
                ),
            ));
        }
    };
    let login = match (
        non_blank(&target.secret_arn),
        non_blank(&target.database_user),
        &compute,
    ) {
        (Some(_), Some(_), _) => {
            return Err(RuleFault::new(
                "ext_target.database_user",
                format!(
                    "target {} names a secret and a database user; set one",
                    target.target_name
                ),
            ));
        }
        (None, Some(_), Compute::Workgroup(_)) => {
            return Err(RuleFault::new(
                "ext_target.database_user",
                format!(
                    "target {} is serverless, which takes a secret or the caller's identity",
                    target.target_name
                ),
            ));
        }
        (Some(secret), None, _) => Login::Secret(secret),
        (None, Some(user), Compute::Cluster(_)) => Login::DatabaseUser(user),
        (None, None, _) => Login::CallerIdentity,
    };
    Ok(Warehouse {
        compute,
        database: target.database_name.clone(),
        login,
        iam_role: target.iam_role.clone(),
        region: target.region.clone(),
    })
}
