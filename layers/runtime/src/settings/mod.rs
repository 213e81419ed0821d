//! The settings of a deployment. This module alone reads the environment; it reads it once and reports every fault together.

mod catalog;
mod control_database;
mod error;
mod folders;
mod log;
mod reader;
mod warehouse;

use std::path::PathBuf;

use longshore_app::{AppConfig, LeasePace, RangeLimits, ReportedFailures, UnpackLimit};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::preparation::PART_TEXT_BYTES;
use longshore_domain::rule::is_topic_arn;
use longshore_domain::target::Warehouse;
use longshore_domain::time_zone::TimeZone;

pub use catalog::*;
pub use control_database::DatabaseTls;
pub use error::{SettingFault, SettingsError};
pub use log::{LogFormat, LogSettings};
use reader::Reader;

/// The settings of a deployment, checked. Holds the names of secrets, never their contents.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name or ARN of the control database's secret.
    pub secret_postgres: String,
    /// Name or ARN of the warehouse's secret.
    pub secret_redshift: String,
    /// The topic that outcomes are told to.
    pub sns_topic_arn: String,
    /// The schema of the control tables, as the catalog spells it.
    pub control_schema: String,
    /// The role that COPY reads S3 with, or `default`.
    pub iam_role: String,
    /// The folder of finished files, without slashes at its ends.
    pub archive_folder: String,
    /// The folder of prepared copies, without slashes at its ends.
    pub processing_folder: String,
    /// The region of everything.
    pub region: String,
    /// The deployment's own line in failure mails; may be empty.
    pub custom_error_message: String,
    /// Smaller files are refused.
    pub threshold_file_size_bytes: u64,
    /// How much may come of a compressed file.
    pub unpacking: UnpackLimit,
    /// The time zone of the audit.
    pub timezone: TimeZone,
    /// Where files land.
    pub watched: Vec<WatchedPrefix>,
    /// What statement names begin with.
    pub statement_prefix: String,
    /// How an invocation ends over a failure that was told.
    pub reported_failures: ReportedFailures,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Host of the control database, when not as the secret says.
    pub database_host: Option<String>,
    /// Port of the control database, when not as the secret says.
    pub database_port: Option<u16>,
    /// Name of the control database, when not as the secret says.
    pub database_name: Option<String>,
    /// Certificates to trust for the control database; `None` for the machine's own.
    pub database_ca_file: Option<PathBuf>,
    /// Whether the connection to the control database is encrypted; `None` to decide by the host.
    pub database_tls: Option<DatabaseTls>,
    /// Most connections of this process to the control database.
    pub max_connections: usize,
    /// How many load transactions of one table may be with its warehouse at a time.
    pub loads_per_table: u32,
    /// Serverless workgroup, when the secret does not say.
    pub redshift_workgroup: Option<String>,
    /// Provisioned cluster, when the secret does not say.
    pub redshift_cluster: Option<String>,
    /// Database of the warehouse, when the secret does not say.
    pub redshift_database: Option<String>,
    /// What memory the function has; `None` outside Lambda.
    pub memory_bytes: Option<u64>,
}

impl Settings {
    /// Reads the process's environment.
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::from_pairs(environment())
    }

    /// Reads settings from names and values, for tests and for programs that bring their own.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, SettingsError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut reader = Reader::new(pairs);
        let settings = Self {
            secret_postgres: reader.required(SECRET_POSTGRES),
            secret_redshift: reader.required(SECRET_REDSHIFT),
            sns_topic_arn: topic_arn(&mut reader),
            iam_role: warehouse::iam_role(&mut reader),
            region: region(&mut reader),
            control_schema: control_database::control_schema(&mut reader),
            archive_folder: folders::folder(&mut reader, ARCHIVE_FOLDER, "archive"),
            processing_folder: folders::folder(&mut reader, PROCESSING_FOLDER, "processing"),
            custom_error_message: reader.or_default(CUSTOM_ERROR_MSG, ""),
            threshold_file_size_bytes: reader.parsed(THRESHOLD_FILE_SIZE_BYTES, 1, "a number of bytes"),
            unpacking: unpacking(&mut reader),
            timezone: reader.parsed(TIMEZONE, TimeZone::UTC, "an IANA time zone such as Asia/Kolkata"),
            watched: folders::watched_prefixes(&mut reader),
            statement_prefix: warehouse::statement_prefix(&mut reader),
            reported_failures: reported_failures(&mut reader),
            log: log::log(&mut reader),
            database_host: reader.optional(DATABASE_HOST),
            database_port: control_database::port(&mut reader),
            database_name: reader.optional(DATABASE_NAME),
            database_tls: control_database::database_tls(&mut reader),
            database_ca_file: reader.optional(DATABASE_CA_FILE).map(PathBuf::from),
            max_connections: control_database::max_connections(&mut reader),
            loads_per_table: warehouse::loads_per_table(&mut reader),
            redshift_workgroup: reader.optional(REDSHIFT_WORKGROUP),
            redshift_cluster: warehouse::redshift_cluster(&mut reader),
            redshift_database: reader.optional(REDSHIFT_DATABASE),
            memory_bytes: memory_bytes(&reader),
        };
        folders::check_apart(&mut reader, &settings);
        reader.finish(settings)
    }

    /// What the use cases need of the settings, for the warehouse that was found for them.
    pub fn app_config(&self, warehouse: Warehouse) -> AppConfig {
        AppConfig {
            archive_folder: self.archive_folder.clone(),
            processing_folder: self.processing_folder.clone(),
            threshold_file_size_bytes: self.threshold_file_size_bytes,
            custom_error_message: self.custom_error_message.clone(),
            timezone: self.timezone,
            topic_arn: self.sns_topic_arn.clone(),
            reported_failures: self.reported_failures,
            statement_prefix: self.statement_prefix.clone(),
            watched: self.watched.clone(),
            warehouse,
            part_text_bytes: PART_TEXT_BYTES,
            unpacking: self.unpacking,
            leases: LeasePace::default(),
            places_per_table: self.loads_per_table,
            ranges: self.memory_bytes.map(RangeLimits::of_memory).unwrap_or_default(),
        }
    }
}

/// Lambda says it in MB. It is no setting of ours, so what does not read is as good as not said.
fn memory_bytes(reader: &Reader) -> Option<u64> {
    let megabytes: u64 = reader.optional(AWS_LAMBDA_FUNCTION_MEMORY_SIZE)?.parse().ok()?;
    Some(megabytes.saturating_mul(1024 * 1024))
}

/// Where Lambda wants to hear that a function cannot start; `None` outside Lambda.
pub(crate) fn lambda_runtime_api() -> Option<String> {
    environment()
        .find(|(name, _)| name == AWS_LAMBDA_RUNTIME_API)
        .map(|(_, value)| value)
}

/// What Lambda calls this function; `None` for a program in a terminal.
pub(crate) fn function_name() -> Option<String> {
    environment()
        .find(|(name, _)| name == AWS_LAMBDA_FUNCTION_NAME)
        .map(|(_, value)| value)
}

/// Variables that are no Unicode are not ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn topic_arn(reader: &mut Reader) -> String {
    let topic_arn = reader.required(SNS_TOPIC_ARN);
    if !topic_arn.is_empty() && !is_topic_arn(&topic_arn) {
        let expected = "it must be the ARN of a topic (arn:aws:sns:<region>:<account>:<name>)";
        reader.fault(SNS_TOPIC_ARN, format!("is {topic_arn:?}; {expected}"));
    }
    topic_arn
}

fn region(reader: &mut Reader) -> String {
    let found = [REGION, AWS_REGION, AWS_DEFAULT_REGION]
        .iter()
        .find_map(|name| reader.optional(name));
    found.unwrap_or_else(|| {
        reader.fault(REGION, "is not set, and neither is AWS_REGION");
        String::new()
    })
}

fn unpacking(reader: &mut Reader) -> UnpackLimit {
    let default = UnpackLimit::default().any_file_bytes;
    UnpackLimit {
        any_file_bytes: reader.parsed(MAX_UNPACKED_BYTES, default, "a number of bytes"),
    }
}

fn reported_failures(reader: &mut Reader) -> ReportedFailures {
    let words = [
        ("succeed", ReportedFailures::Succeed),
        ("fail", ReportedFailures::Fail),
    ];
    reader.word(REPORTED_FAILURES, &words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NEEDED: [(&str, &str); 5] = [
        ("secret_postgres", "control"),
        ("secret_redshift", "warehouse"),
        ("sns_topic_arn", "arn:aws:sns:eu-central-1:123456789012:outcomes"),
        ("iam_role", "arn:aws:iam::123456789012:role/copy"),
        ("AWS_REGION", "eu-central-1"),
    ];

    fn with(pairs: &[(&'static str, &'static str)]) -> Result<Settings, SettingsError> {
        Settings::from_pairs(NEEDED.into_iter().chain(pairs.iter().copied()))
    }

    #[test]
    fn the_needed_ones_are_enough() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.control_schema, "rdscnfg");
        assert_eq!(settings.archive_folder, "archive");
        assert_eq!(settings.processing_folder, "processing");
        assert_eq!(settings.region, "eu-central-1");
        assert_eq!(settings.threshold_file_size_bytes, 1);
        assert_eq!(settings.unpacking.any_file_bytes, 8_589_934_592);
        assert_eq!(settings.timezone, TimeZone::UTC);
        assert_eq!(settings.statement_prefix, "longshore");
        assert_eq!(settings.custom_error_message, "");
        assert_eq!(settings.log.format, LogFormat::Text);
        assert_eq!(settings.database_tls, None);
        assert_eq!(settings.max_connections, 4);
    }

    #[test]
    fn every_required_setting_is_reported_at_once() {
        let error = Settings::from_pairs::<String, String>([]).unwrap_err();
        let mut expected: Vec<_> = SETTINGS
            .iter()
            .filter(|setting| setting.required)
            .map(|setting| setting.name)
            .collect();
        expected.push(REGION);
        let mut named: Vec<_> = error.faults.iter().map(|fault| fault.name).collect();
        expected.sort();
        named.sort();
        assert_eq!(named, expected);
        assert!(error.to_string().starts_with("5 settings are wrong: "), "{error}");
    }

    #[rstest]
    #[case("sns_topic_arn", "outcomes", "must be the ARN of a topic")]
    #[case("iam_role", "copy", "must be the ARN of a role")]
    #[case(
        "postgres_config_table",
        "RDSCNFG.RULES",
        "the table names themselves are fixed"
    )]
    #[case(
        "postgres_config_table",
        "EXT_FILE_CONFIG",
        "the table names themselves are fixed"
    )]
    #[case(
        "postgres_config_table",
        "a\"b.EXT_FILE_CONFIG",
        "the table names themselves are fixed"
    )]
    #[case(
        "postgres_config_audit_table",
        "rdscnfg.audit",
        "the table names themselves are fixed"
    )]
    #[case(
        "postgres_config_audit_table",
        "other.EXT_FILE_AUDIT",
        "both must be in the same one"
    )]
    #[case("archive_folder", "/", "plain folder name")]
    #[case("archive_folder", "a//b", "plain folder name")]
    #[case("archive_folder", "processing", "neither may be the other")]
    #[case("archive_folder", "processing/done", "neither may be the other")]
    #[case("processing_folder", "../x", "plain folder name")]
    #[case("processing_folder", "archive/work/", "neither may be the other")]
    #[case("threshold_file_size_bytes", "-1", "must be a number of bytes")]
    #[case("LONGSHORE_MAX_UNPACKED_BYTES", "8 GiB", "must be a number of bytes")]
    #[case("timezone", "Mars/Olympus", "must be an IANA time zone")]
    #[case("LONGSHORE_STATEMENT_PREFIX", "a b", "letters, digits")]
    #[case("LONGSHORE_WATCHED_PREFIXES", "landing/in", "each must be s3://bucket/prefix")]
    #[case(
        "LONGSHORE_WATCHED_PREFIXES",
        "s3://landing/in/, s3://landing/in/daily/",
        "which lies in s3://landing/in/"
    )]
    #[case("LONGSHORE_LOG", "info=debug=x", "is no log filter")]
    #[case("LONGSHORE_LOG_FORMAT", "xml", "must be one of: json, text")]
    #[case("LONGSHORE_REPORTED_FAILURES", "hide", "must be one of: succeed, fail")]
    #[case("LONGSHORE_DATABASE_PORT", "postgres", "must be a port")]
    #[case("LONGSHORE_DATABASE_PORT", "0", "must be a port")]
    #[case("LONGSHORE_DATABASE_TLS", "maybe", "must be one of: required, off")]
    #[case("LONGSHORE_MAX_CONNECTIONS", "many", "from 2 to 100")]
    #[case("LONGSHORE_MAX_CONNECTIONS", "1", "from 2 to 100")]
    #[case("LONGSHORE_LOADS_PER_TABLE", "0", "from 1 to 500")]
    #[case("LONGSHORE_LOADS_PER_TABLE", "501", "from 1 to 500")]
    fn a_bad_value_is_named_with_what_would_be_right(
        #[case] name: &'static str,
        #[case] value: &'static str,
        #[case] expected: &str,
    ) {
        let error = with(&[(name, value)]).unwrap_err();
        assert_eq!(error.faults.len(), 1, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }

    #[test]
    fn a_cluster_and_a_workgroup_exclude_each_other() {
        let both = [
            ("LONGSHORE_REDSHIFT_CLUSTER", "c"),
            ("LONGSHORE_REDSHIFT_WORKGROUP", "w"),
        ];
        assert!(with(&both).unwrap_err().to_string().contains("one or the other"));
    }

    #[test]
    fn an_empty_value_is_none() {
        let settings = with(&[("archive_folder", ""), ("region", " ")]).unwrap();
        assert_eq!(
            (settings.archive_folder.as_str(), settings.region.as_str()),
            ("archive", "eu-central-1")
        );
    }

    #[test]
    fn both_tables_may_move_to_another_schema() {
        let moved = [
            ("postgres_config_table", "Feeds.ext_file_config"),
            ("postgres_config_audit_table", "FEEDS.EXT_FILE_AUDIT"),
        ];
        assert_eq!(with(&moved).unwrap().control_schema, "feeds");
    }

    #[test]
    fn watched_prefixes_are_told_apart_by_blanks_and_commas() {
        let settings = with(&[("LONGSHORE_WATCHED_PREFIXES", "s3://a/in/, s3://b s3://a/out/")]).unwrap();
        let watched: Vec<_> = settings.watched.iter().map(ToString::to_string).collect();
        assert_eq!(watched, ["s3://a/in/", "s3://b/", "s3://a/out/"]);
    }

    #[test]
    fn slashes_around_a_folder_do_not_matter() {
        assert_eq!(
            with(&[("archive_folder", "/old/files/")]).unwrap().archive_folder,
            "old/files"
        );
    }

    #[test]
    fn a_function_logs_for_machines() {
        let settings = with(&[("AWS_LAMBDA_FUNCTION_NAME", "external-file-process")]).unwrap();
        assert_eq!(settings.log.format, LogFormat::Json);
    }
}
