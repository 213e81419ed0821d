//! A rule as the tables hold it, text by text.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::KnownTarget;

/// One row of `ext_file_config`, joined with its interface, its columns and its target. Only active rows
/// (`oprtnl_flag = 'A'`) ever become one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
#[expect(
    missing_docs,
    reason = "the fields are the columns, and the columns are described where the table is"
)]
pub struct RuleRow {
    pub ext_file_config_sid: i32,
    pub ext_interface_cid: String,
    pub interface_name: String,
    pub tgt_schema_name: Option<String>,
    pub tgt_table_name: Option<String>,
    pub file_prefix: String,
    pub file_format: String,
    pub file_type: String,
    pub delimiter: Option<String>,
    pub header_flag: String,
    pub trailer_flag: String,
    pub query: Option<String>,
    pub split_file_flag: String,
    pub split_prefix: Option<String>,
    pub escape_char: Option<String>,
    pub trailer_pstn: Option<String>,
    pub key_pattern: Option<String>,
    pub key_regex: Option<String>,
    #[serde(default)]
    pub name_filter: Option<String>,
    #[serde(default)]
    pub ignore_names: Option<String>,
    #[serde(default)]
    pub bucket: Option<String>,
    pub compression: Option<String>,
    pub quote_char: Option<String>,
    pub null_as: Option<String>,
    pub date_format: Option<String>,
    pub time_format: Option<String>,
    pub encoding: Option<String>,
    pub invalid_bytes: Option<String>,
    pub header_policy: Option<String>,
    #[serde(default)]
    pub header_records: Option<i32>,
    #[serde(default)]
    pub empty_file_policy: Option<String>,
    pub trailer_tag: Option<String>,
    pub json_paths: Option<String>,
    pub copy_options: Option<String>,
    pub prepared_compression: Option<String>,
    pub file_name_column: Option<String>,
    pub load_id_column: Option<String>,
    pub max_attempts: Option<i32>,
    pub retry_minutes: Option<i32>,
    pub query_retry_flag: Option<String>,
    pub resend_policy: Option<String>,
    pub archive_flag: Option<String>,
    #[serde(default)]
    pub encryption_secret: Option<String>,
    #[serde(default)]
    pub rule_kind: Option<String>,
    #[serde(default)]
    pub period_end: Option<String>,
    #[serde(default)]
    pub vacuum_rows: Option<i64>,
    #[serde(default)]
    pub schedule: Option<String>,
    #[serde(default)]
    pub schedule_timezone: Option<String>,
    #[serde(default)]
    pub snapshot_bucket: Option<String>,
    #[serde(default)]
    pub snapshot_layout: Option<String>,
    #[serde(default)]
    pub snapshot_config: Option<String>,
    #[serde(default)]
    pub snapshot_granularity: Option<String>,
    #[serde(default)]
    pub snapshot_timezone: Option<String>,
    #[serde(default)]
    pub snapshot_stream_start: Option<String>,
    #[serde(default)]
    pub snapshot_stream_end: Option<String>,
    #[serde(default)]
    pub snapshot_freshness: Option<String>,
    #[serde(default)]
    pub snapshot_table_changes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_timezone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_grace_minutes: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_files: Option<i32>,
    #[serde(default)]
    pub drift_policy: Option<String>,
    #[serde(default)]
    pub extra_column: Option<String>,
    pub batch_files: Option<i32>,
    pub batch_bytes: Option<i64>,
    pub batch_seconds: Option<i32>,
    pub batch_concurrency: Option<String>,
    pub batch_order: Option<String>,
    pub batch_divide_flag: Option<String>,
    pub load_group: Option<String>,
    pub group_role: Option<String>,
    pub group_key: Option<String>,
    pub group_files: Option<i32>,
    pub group_seconds: Option<i32>,
    /// The rules of its group that are not in operation.
    #[serde(default)]
    pub group_inactive: Vec<i32>,
    pub load_mode: Option<String>,
    pub merge_keys: Option<String>,
    pub merge_order: Option<String>,
    pub period_column: Option<String>,
    pub period_value: Option<String>,
    pub pre_sql: Option<String>,
    pub post_sql: Option<String>,
    pub success_topic_arn: Option<String>,
    pub failure_topic_arn: Option<String>,
    /// Whether its files wait.
    #[serde(default)]
    pub paused: bool,
    /// Which version of the rule this is; None where versions are not kept.
    #[serde(default)]
    pub rule_version: Option<i32>,
    pub queue_name: Option<String>,
    pub columns: Vec<ColumnRow>,
    pub target: Option<TargetRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further_targets: Option<String>,
    /// The targets that there are, of a rule that names further ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_targets: Vec<KnownTarget>,
}

impl Serialize for RuleRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// A hundred fields are 200 KB of code for each format that they are read from, and what is read is always JSON in the end: so
/// they are read from a [`Value`], once.
impl<'de> Deserialize<'de> for RuleRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Value::deserialize(deserializer)?;
        Self::deserialize(fields).map_err(D::Error::custom)
    }
}

/// One row of `ext_file_config_dtl`, in the order of `column_order_sqnc`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are the columns, and the columns are described where the table is"
)]
pub struct ColumnRow {
    pub column_name: String,
    /// The `numeric` in digits: its range is the table's, not a machine integer's.
    pub column_width_fixed: Option<String>,
}

/// One row of `ext_target`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are the columns, and the columns are described where the table is"
)]
pub struct TargetRow {
    pub target_name: String,
    pub cluster_identifier: Option<String>,
    pub workgroup_name: Option<String>,
    pub database_name: String,
    pub secret_arn: Option<String>,
    pub database_user: Option<String>,
    pub iam_role: String,
    pub region: String,
}

/// Tells these rules from any others: the same rows have the same one, and a row that was mended has another.
pub fn fingerprint(rows: &[RuleRow]) -> String {
    let text = serde_json::to_vec(rows).expect("a row is text and numbers");
    let digest = Sha256::digest(text);
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
