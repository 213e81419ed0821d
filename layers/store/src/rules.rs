//! Rules as the tables hold them.

use longshore_domain::object::ObjectKey;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{ColumnRow, RuleId, RuleRow, RuleTopics, TargetRow};
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::store::Parameters;
use crate::{LIST_LIMIT, Store, StoreError};

const TABLE: &str = "ext_file_config";

/// A secret with the key of encrypted files, and who names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionSecret {
    /// Its name or ARN.
    pub id: String,
    /// The first rule that names it.
    pub first_rule: RuleId,
    /// How many do.
    pub rules: u64,
}

fn read_encryption_secret(row: &Row) -> Result<EncryptionSecret, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(EncryptionSecret {
        id: reader.get("encryption_secret")?,
        first_rule: RuleId(reader.get("first_rule")?),
        rules: reader.count("rules")?,
    })
}

impl Store {
    /// The active rules that an object may fall under: those of its name's token, those whose keys all begin as its own does,
    /// and those of the queue that announced it. Which of them does is for `longshore_domain::matching` to say.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn candidate_rules(
        &self,
        key: &ObjectKey,
        queue: Option<&QueueName>,
    ) -> Result<Vec<RuleRow>, StoreError> {
        let queue = queue.map(QueueName::as_str);
        self.candidates(&[&key.token(), &Some(key.as_str()), &queue])
            .await
    }

    /// The active rules of a token alone: what a part of a file may fall under.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rules_of_token(&self, token: &str) -> Result<Vec<RuleRow>, StoreError> {
        self.candidates(&[&token, &None::<&str>, &None::<&str>]).await
    }

    /// Every active rule. Not bounded: a rule left out of this list would look as if it did not exist.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn all_rules(&self) -> Result<Vec<RuleRow>, StoreError> {
        self.rules(None).await
    }

    /// The active rules of a group, by its name.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rules_of_group(&self, group: &str) -> Result<Vec<RuleRow>, StoreError> {
        let rows = self.rows(Query::RuleListGroup, &[&group]).await?;
        self.rules_by_number(&rows).await
    }

    /// The secrets with the keys of encrypted files that rules in operation name.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn encryption_secrets(&self) -> Result<Vec<EncryptionSecret>, StoreError> {
        let rows = self.rows(Query::RuleListSecrets, &[&bounded(LIST_LIMIT)]).await?;
        rows.iter().map(read_encryption_secret).collect()
    }

    /// One rule; None when there is none of that number in operation.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rule(&self, rule: RuleId) -> Result<Option<RuleRow>, StoreError> {
        Ok(self.rules(Some(&[rule.0])).await?.pop())
    }

    /// The topics that a rule names, in operation or not, as they are written; none where there is no such rule.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rule_topics(&self, rule: RuleId) -> Result<RuleTopics, StoreError> {
        let rows = self.rows(Query::RuleFindTopics, &[&rule.0]).await?;
        let Some(row) = rows.first() else {
            return Ok(RuleTopics::default());
        };
        let reader = Reader::new(row, TABLE);
        Ok(RuleTopics {
            success: reader.get("success_topic_arn")?,
            failure: reader.get("failure_topic_arn")?,
        })
    }

    async fn candidates(&self, parameters: Parameters<'_>) -> Result<Vec<RuleRow>, StoreError> {
        let rows = self.rows(Query::RuleListCandidates, parameters).await?;
        self.rules_by_number(&rows).await
    }

    async fn rules_by_number(&self, rows: &[Row]) -> Result<Vec<RuleRow>, StoreError> {
        let ids: Result<Vec<i32>, _> = rows
            .iter()
            .map(|row| Reader::new(row, TABLE).get("ext_file_config_sid"))
            .collect();
        match ids?.as_slice() {
            [] => Ok(vec![]),
            ids => self.rules(Some(ids)).await,
        }
    }

    async fn rules(&self, only: Option<&[i32]>) -> Result<Vec<RuleRow>, StoreError> {
        let rows = self.rows(Query::RuleList, &[&only]).await?;
        rows.iter().map(rule_row).collect()
    }
}

pub(crate) fn rule_row(row: &Row) -> Result<RuleRow, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(RuleRow {
        ext_file_config_sid: reader.get("ext_file_config_sid")?,
        ext_interface_cid: reader.get("ext_interface_cid")?,
        interface_name: reader.get("interface_name")?,
        tgt_schema_name: reader.get("tgt_schema_name")?,
        tgt_table_name: reader.get("tgt_table_name")?,
        file_prefix: reader.get("file_prefix")?,
        file_format: reader.get("file_format")?,
        file_type: reader.get("file_type")?,
        delimiter: reader.get("delimiter")?,
        header_flag: reader.get("header_flag")?,
        trailer_flag: reader.get("trailer_flag")?,
        query: reader.get("query")?,
        split_file_flag: reader.get("split_file_flag")?,
        split_prefix: reader.get("split_prefix")?,
        escape_char: reader.get("escape_char")?,
        trailer_pstn: reader.get("trailer_pstn")?,
        key_pattern: reader.get("key_pattern")?,
        key_regex: reader.get("key_regex")?,
        name_filter: reader.get("name_filter")?,
        ignore_names: reader.get("ignore_names")?,
        bucket: reader.get("bucket")?,
        compression: reader.get("compression")?,
        quote_char: reader.get("quote_char")?,
        null_as: reader.get("null_as")?,
        date_format: reader.get("date_format")?,
        time_format: reader.get("time_format")?,
        encoding: reader.get("encoding")?,
        invalid_bytes: reader.get("invalid_bytes")?,
        header_policy: reader.get("header_policy")?,
        header_records: reader.get("header_records")?,
        empty_file_policy: reader.get("empty_file_policy")?,
        trailer_tag: reader.get("trailer_tag")?,
        json_paths: reader.get("json_paths")?,
        copy_options: reader.get("copy_options")?,
        prepared_compression: reader.get("prepared_compression")?,
        file_name_column: reader.get("file_name_column")?,
        load_id_column: reader.get("load_id_column")?,
        max_attempts: reader.get("max_attempts")?,
        retry_minutes: reader.get("retry_minutes")?,
        query_retry_flag: reader.get("query_retry_flag")?,
        resend_policy: reader.get("resend_policy")?,
        archive_flag: reader.get("archive_flag")?,
        encryption_secret: reader.get("encryption_secret")?,
        rule_kind: reader.get("rule_kind")?,
        expected_schedule: reader.get("expected_schedule")?,
        expected_timezone: reader.get("expected_timezone")?,
        expected_grace_minutes: reader.get("expected_grace_minutes")?,
        expected_files: reader.get("expected_files")?,
        drift_policy: reader.get("drift_policy")?,
        extra_column: reader.get("extra_column")?,
        period_end: reader.get("period_end")?,
        vacuum_rows: reader.get("vacuum_rows")?,
        schedule: reader.get("schedule")?,
        schedule_timezone: reader.get("schedule_timezone")?,
        snapshot_bucket: reader.get("snapshot_bucket")?,
        snapshot_layout: reader.get("snapshot_layout")?,
        snapshot_config: reader.get("snapshot_config")?,
        snapshot_granularity: reader.get("snapshot_granularity")?,
        snapshot_timezone: reader.get("snapshot_timezone")?,
        snapshot_stream_start: reader.get("snapshot_stream_start")?,
        snapshot_stream_end: reader.get("snapshot_stream_end")?,
        snapshot_freshness: reader.get("snapshot_freshness")?,
        snapshot_table_changes: reader.get("snapshot_table_changes")?,
        batch_files: reader.get("batch_files")?,
        batch_bytes: reader.get("batch_bytes")?,
        batch_seconds: reader.get("batch_seconds")?,
        batch_concurrency: reader.get("batch_concurrency")?,
        batch_order: reader.get("batch_order")?,
        batch_divide_flag: reader.get("batch_divide_flag")?,
        load_group: reader.get("load_group")?,
        group_role: reader.get("group_role")?,
        group_key: reader.get("group_key")?,
        group_files: reader.get("group_files")?,
        group_seconds: reader.get("group_seconds")?,
        group_inactive: reader.get("group_inactive")?,
        load_mode: reader.get("load_mode")?,
        merge_keys: reader.get("merge_keys")?,
        merge_order: reader.get("merge_order")?,
        period_column: reader.get("period_column")?,
        period_value: reader.get("period_value")?,
        pre_sql: reader.get("pre_sql")?,
        post_sql: reader.get("post_sql")?,
        success_topic_arn: reader.get("success_topic_arn")?,
        failure_topic_arn: reader.get("failure_topic_arn")?,
        paused: reader.get("paused")?,
        rule_version: reader.get("rule_version")?,
        queue_name: reader.get("queue_name")?,
        columns: reader.json::<Vec<ColumnRow>>("columns")?,
        target: target_row(&reader)?,
        further_targets: reader.get("further_targets")?,
        known_targets: reader.json("known_targets")?,
    })
}

fn target_row(reader: &Reader<'_>) -> Result<Option<TargetRow>, StoreError> {
    let Some(target_name) = reader.get("target_name")? else {
        return Ok(None);
    };
    Ok(Some(TargetRow {
        target_name,
        cluster_identifier: reader.get("cluster_identifier")?,
        workgroup_name: reader.get("workgroup_name")?,
        database_name: reader.get("database_name")?,
        secret_arn: reader.get("secret_arn")?,
        database_user: reader.get("database_user")?,
        iam_role: reader.get("iam_role")?,
        region: reader.get("region")?,
    }))
}
