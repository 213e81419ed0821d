//! The warehouse: which one it is, who COPY is, and what statements are called there.

use longshore_app::PLACES_PER_TABLE;

use super::reader::Reader;
use super::{IAM_ROLE, LOADS_PER_TABLE, REDSHIFT_CLUSTER, REDSHIFT_WORKGROUP, STATEMENT_PREFIX};

/// Room is left in a statement's name for the load's id, which follows the prefix.
const MAX_STATEMENT_PREFIX_CHARACTERS: usize = 100;

pub(super) fn iam_role(reader: &mut Reader) -> String {
    let roles = reader.required(IAM_ROLE);
    let is_role = |role: &str| role.starts_with("arn:") && role.contains(":role/");
    if !roles.is_empty() && roles != "default" && !roles.split(',').all(|role| is_role(role.trim())) {
        let expected = "it must be the ARN of a role (arn:aws:iam::<account>:role/<name>) or `default`";
        reader.fault(IAM_ROLE, format!("is {roles:?}; {expected}"));
    }
    roles
}

pub(super) fn statement_prefix(reader: &mut Reader) -> String {
    let prefix = reader.or_default(STATEMENT_PREFIX, "longshore");
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if prefix.len() > MAX_STATEMENT_PREFIX_CHARACTERS || !prefix.chars().all(is_plain) {
        let expected = format!(
            "at most {MAX_STATEMENT_PREFIX_CHARACTERS} letters, digits, dots, dashes and underscores"
        );
        reader.fault(STATEMENT_PREFIX, format!("is {prefix:?}; it must be {expected}"));
    }
    prefix
}

pub(super) fn loads_per_table(reader: &mut Reader) -> u32 {
    let most = reader.parsed(LOADS_PER_TABLE, PLACES_PER_TABLE, "a number from 1 to 500");
    if !(1..=500).contains(&most) {
        reader.fault(
            LOADS_PER_TABLE,
            format!("is {most}; it must be a number from 1 to 500"),
        );
    }
    most
}

pub(super) fn redshift_cluster(reader: &mut Reader) -> Option<String> {
    let cluster = reader.optional(REDSHIFT_CLUSTER);
    if cluster.is_some() && reader.optional(REDSHIFT_WORKGROUP).is_some() {
        let what = format!("and {REDSHIFT_WORKGROUP} are both set; the warehouse is one or the other");
        reader.fault(REDSHIFT_CLUSTER, what);
    }
    cluster
}
