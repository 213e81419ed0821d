//! Every setting by name: what the table of docs/settings.md is made of.

/// The secret of the control database, by name or ARN.
pub const SECRET_POSTGRES: &str = "secret_postgres";
/// The secret of the warehouse, by name or ARN.
pub const SECRET_REDSHIFT: &str = "secret_redshift";
/// The SNS topic that outcomes are told to.
pub const SNS_TOPIC_ARN: &str = "sns_topic_arn";
/// The rule table; only its schema may differ from the default.
pub const POSTGRES_CONFIG_TABLE: &str = "postgres_config_table";
/// The audit table; its schema is that of the rule table.
pub const POSTGRES_CONFIG_AUDIT_TABLE: &str = "postgres_config_audit_table";
/// The role that COPY reads S3 with.
pub const IAM_ROLE: &str = "iam_role";
/// The folder of finished files.
pub const ARCHIVE_FOLDER: &str = "archive_folder";
/// The folder of prepared copies and manifests.
pub const PROCESSING_FOLDER: &str = "processing_folder";
/// The region of the buckets and of every service called.
pub const REGION: &str = "region";
/// The deployment's own line in failure mails.
pub const CUSTOM_ERROR_MSG: &str = "custom_error_msg";
/// Smaller files are refused.
pub const THRESHOLD_FILE_SIZE_BYTES: &str = "threshold_file_size_bytes";
/// How much may come of any compressed file.
pub const MAX_UNPACKED_BYTES: &str = "LONGSHORE_MAX_UNPACKED_BYTES";
/// The time zone of the audit.
pub const TIMEZONE: &str = "timezone";
/// Where files land, for finding those that no event announced.
pub const WATCHED_PREFIXES: &str = "LONGSHORE_WATCHED_PREFIXES";
/// What statement names begin with; the event rule filters on it.
pub const STATEMENT_PREFIX: &str = "LONGSHORE_STATEMENT_PREFIX";
/// How an invocation ends over a failure that was told.
pub const REPORTED_FAILURES: &str = "LONGSHORE_REPORTED_FAILURES";
/// What is logged.
pub const LOG: &str = "LONGSHORE_LOG";
/// How it is logged.
pub const LOG_FORMAT: &str = "LONGSHORE_LOG_FORMAT";
/// The certificates to trust for the control database.
pub const DATABASE_CA_FILE: &str = "LONGSHORE_DATABASE_CA_FILE";
/// Whether the connection to the control database is encrypted.
pub const DATABASE_TLS: &str = "LONGSHORE_DATABASE_TLS";
/// The control database's host, whatever the secret says.
pub const DATABASE_HOST: &str = "LONGSHORE_DATABASE_HOST";
/// The control database's port, whatever the secret says.
pub const DATABASE_PORT: &str = "LONGSHORE_DATABASE_PORT";
/// The control database's name, whatever the secret says.
pub const DATABASE_NAME: &str = "LONGSHORE_DATABASE_NAME";
/// The most connections of one process to the control database.
pub const MAX_CONNECTIONS: &str = "LONGSHORE_MAX_CONNECTIONS";
/// How many load transactions of one table may be with its warehouse at a time.
pub const LOADS_PER_TABLE: &str = "LONGSHORE_LOADS_PER_TABLE";
/// The serverless workgroup, when the secret does not name one.
pub const REDSHIFT_WORKGROUP: &str = "LONGSHORE_REDSHIFT_WORKGROUP";
/// The provisioned cluster, when the secret does not name one.
pub const REDSHIFT_CLUSTER: &str = "LONGSHORE_REDSHIFT_CLUSTER";
/// The warehouse's database, when the secret does not name one.
pub const REDSHIFT_DATABASE: &str = "LONGSHORE_REDSHIFT_DATABASE";

/// Set by Lambda; where [`REGION`] comes from when it is not set.
pub(super) const AWS_REGION: &str = "AWS_REGION";
/// The other spelling of [`AWS_REGION`], which the AWS command line uses.
pub(super) const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// Set by Lambda; its presence tells a function from a program in a terminal.
pub(super) const AWS_LAMBDA_FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Set by Lambda: what memory a function has, in MB.
pub(super) const AWS_LAMBDA_FUNCTION_MEMORY_SIZE: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// Set by Lambda: where a function asks for work and reports that it cannot start.
pub(super) const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// One row of the settings table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingDoc {
    /// The environment variable.
    pub name: &'static str,
    /// What counts when it is not set, as people read it; `None` when there is no default.
    pub default: Option<&'static str>,
    /// Whether a process refuses to start without it.
    pub required: bool,
    /// What it does.
    pub what: &'static str,
}

/// Every setting, in the order of the table.
pub const SETTINGS: &[SettingDoc] = &[
    required(
        SECRET_POSTGRES,
        "Name or ARN of the control database's secret (`host`, `port`, `username`, `password`, `dbname`).",
    ),
    required(
        SECRET_REDSHIFT,
        "Name or ARN of the warehouse's secret (`dbClusterIdentifier` or `workgroupName`, `database`, `username`, `password`).",
    ),
    required(SNS_TOPIC_ARN, "ARN of the topic that every outcome is told to."),
    required(
        IAM_ROLE,
        "ARN of the role that COPY reads S3 with (several, chained, with commas), or `default`.",
    ),
    optional(
        REGION,
        "`AWS_REGION`",
        "Region of the buckets, the warehouse and the secrets.",
    ),
    optional(
        POSTGRES_CONFIG_TABLE,
        "`RDSCNFG.EXT_FILE_CONFIG`",
        "The rule table. May name another schema; the table's name is fixed.",
    ),
    optional(
        POSTGRES_CONFIG_AUDIT_TABLE,
        "`RDSCNFG.EXT_FILE_AUDIT`",
        "The audit table, in the same schema; the table's name is fixed.",
    ),
    optional(
        ARCHIVE_FOLDER,
        "`archive`",
        "Folder of finished files in the landing bucket.",
    ),
    optional(
        PROCESSING_FOLDER,
        "`processing`",
        "Folder of prepared copies and manifests in the landing bucket.",
    ),
    optional(
        CUSTOM_ERROR_MSG,
        "empty",
        "Your own line in messages about failures, such as whom to call: the last one of the mail, and in the JSON as `custom_error_msg`.",
    ),
    optional(THRESHOLD_FILE_SIZE_BYTES, "`1`", "Smaller files are refused."),
    optional(
        MAX_UNPACKED_BYTES,
        "`8589934592`",
        "So much may come of any compressed file, and of a larger one 100 times its own length; what unpacks to more is refused (`decompressed_too_large`).",
    ),
    optional(TIMEZONE, "`UTC`", "Time zone of the audit, by its IANA name."),
    optional(
        WATCHED_PREFIXES,
        "none",
        "Where files land, as `s3://bucket/prefix`, several with blanks or commas: what no event announced is found there by listing.",
    ),
    optional(
        STATEMENT_PREFIX,
        "`longshore`",
        "What statement names begin with; the event rule filters on it.",
    ),
    optional(
        REPORTED_FAILURES,
        "`succeed`",
        "How an invocation of `external-file-process` ends over a file that was refused or failed, once that is on record and told: `succeed`, or `fail` for whoever watches invocations or a dead-letter queue.",
    ),
    optional(
        LOG,
        "`info`",
        "What is logged: a level, or a filter such as `info,longshore_aws=debug`.",
    ),
    optional(
        LOG_FORMAT,
        "`json` in Lambda, else `text`",
        "`json`: one object per line on stdout. `text`: for people, on stderr.",
    ),
    optional(DATABASE_HOST, "from the secret", "Host of the control database."),
    optional(DATABASE_PORT, "from the secret", "Port of the control database."),
    optional(DATABASE_NAME, "from the secret", "Name of the control database."),
    optional(
        DATABASE_TLS,
        "`required`; `off` for a socket or this machine",
        "Whether the connection to the control database must be encrypted: `required` or `off`.",
    ),
    optional(
        DATABASE_CA_FILE,
        "the machine's own",
        "PEM file of the certificates to trust for the control database.",
    ),
    optional(
        MAX_CONNECTIONS,
        "`4`",
        "Most connections of one process to the control database.",
    ),
    optional(
        LOADS_PER_TABLE,
        "`8`",
        "Most load transactions of one table that are with its warehouse at a time, from 1 to 500; further loads wait in line.",
    ),
    optional(
        REDSHIFT_WORKGROUP,
        "from the secret",
        "Serverless workgroup, by name or ARN.",
    ),
    optional(
        REDSHIFT_CLUSTER,
        "from the secret",
        "Provisioned cluster, by its identifier.",
    ),
    optional(REDSHIFT_DATABASE, "from the secret", "Database of the warehouse."),
];

const fn required(name: &'static str, what: &'static str) -> SettingDoc {
    SettingDoc {
        name,
        default: None,
        required: true,
        what,
    }
}

const fn optional(name: &'static str, default: &'static str, what: &'static str) -> SettingDoc {
    SettingDoc {
        name,
        default: Some(default),
        required: false,
        what,
    }
}

/// The settings as a Markdown table.
pub fn settings_table() -> String {
    let mut table = String::from("| setting | default | what it does |\n|---|---|---|\n");
    for setting in SETTINGS {
        let default = setting.default.unwrap_or("required");
        table.push_str(&format!(
            "| `{}` | {default} | {} |\n",
            setting.name, setting.what
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_guide_has_this_table() {
        let guide = include_str!("../../../../docs/settings.md");
        let table = settings_table();
        assert!(
            guide.contains(&table),
            "put this table into docs/settings.md:\n{table}"
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_setting_and_says_what_is_required() {
        let table = settings_table();
        assert_eq!(table.lines().count(), SETTINGS.len() + 2);
        assert!(table.contains("| `secret_postgres` | required |"), "{table}");
        assert!(table.contains("| `timezone` | `UTC` |"), "{table}");
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        assert!(
            SETTINGS
                .iter()
                .all(|setting| setting.required == setting.default.is_none())
        );
    }
}
