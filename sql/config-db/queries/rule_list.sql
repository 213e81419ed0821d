-- Active rules with their columns and target: rule, interface and target in operation, inactive columns left out.
-- $1: only these rules. A rule whose target is switched off is switched off too: its rows must not go elsewhere.
SELECT
    config.ext_file_config_sid,
    interface.ext_interface_cid::text AS ext_interface_cid,
    coalesce(interface.interface_name, '') AS interface_name,
    config.tgt_schema_name,
    config.tgt_table_name,
    config.file_prefix,
    config.file_format,
    config.file_type,
    config.delimiter,
    config.header_flag,
    config.trailer_flag,
    config.query,
    config.split_file_flag,
    config.split_prefix,
    config.escape_char,
    config.trailer_pstn,
    config.key_pattern,
    config.key_regex,
    config.name_filter,
    config.ignore_names,
    config.bucket,
    config.compression,
    config.quote_char,
    config.null_as,
    config.date_format,
    config.time_format,
    config.encoding,
    config.invalid_bytes,
    config.header_policy,
    config.header_records,
    config.empty_file_policy,
    config.trailer_tag,
    config.json_paths,
    config.copy_options,
    config.prepared_compression,
    config.file_name_column,
    config.load_id_column,
    config.max_attempts,
    config.retry_minutes,
    config.query_retry_flag,
    config.resend_policy,
    config.archive_flag,
    config.expected_schedule,
    config.expected_timezone,
    config.expected_grace_minutes,
    config.expected_files,
    config.drift_policy,
    config.extra_column,
    config.encryption_secret,
    config.rule_kind,
    config.period_end,
    config.vacuum_rows,
    config.schedule,
    config.schedule_timezone,
    config.snapshot_bucket,
    config.snapshot_layout,
    config.snapshot_config,
    config.snapshot_granularity,
    config.snapshot_timezone,
    config.snapshot_stream_start,
    config.snapshot_stream_end,
    config.snapshot_freshness,
    config.snapshot_table_changes,
    config.batch_files,
    config.batch_bytes,
    config.batch_seconds,
    config.batch_concurrency,
    config.batch_order,
    config.batch_divide_flag,
    config.load_group,
    config.group_role,
    config.group_key,
    config.group_files,
    config.group_seconds,
    ARRAY(
        SELECT other.ext_file_config_sid
        FROM rdscnfg.ext_file_config AS other
        WHERE lower(other.load_group) = lower(config.load_group)
            AND other.oprtnl_flag <> 'A'
        ORDER BY other.ext_file_config_sid
    ) AS group_inactive,
    config.load_mode,
    config.merge_keys,
    config.merge_order,
    config.period_column,
    config.period_value,
    config.pre_sql,
    config.post_sql,
    config.success_topic_arn,
    config.failure_topic_arn,
    config.paused,
    (
        SELECT max(kept.version)
        FROM rdscnfg.ext_file_config_version AS kept
        WHERE kept.ext_file_config_sid = config.ext_file_config_sid
    ) AS rule_version,
    config.queue_name,
    config.further_targets,
    CASE
        WHEN btrim(config.further_targets) <> '' THEN (
            SELECT
                coalesce(
                    jsonb_agg(
                        jsonb_build_object(
                            'target_name', known.target_name,
                            'cluster_identifier', known.cluster_identifier,
                            'workgroup_name', known.workgroup_name,
                            'database_name', known.database_name,
                            'secret_arn', known.secret_arn,
                            'database_user', known.database_user,
                            'iam_role', known.iam_role,
                            'region', known.region,
                            'is_active', known.oprtnl_flag = 'A'
                        )
                        ORDER BY known.ext_target_sid
                    ),
                    '[]'
                )
            FROM rdscnfg.ext_target AS known
        )
        ELSE '[]'
    END AS known_targets,
    target.target_name,
    target.cluster_identifier,
    target.workgroup_name,
    target.database_name,
    target.secret_arn,
    target.database_user,
    target.iam_role,
    target.region,
    (
        SELECT
            coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'column_name', detail.column_name,
                        'column_width_fixed', trim_scale(detail.column_width_fixed)::text
                    )
                    ORDER BY detail.column_order_sqnc, detail.ext_file_config_dtl_sid
                ),
                '[]'
            )
        FROM rdscnfg.ext_file_config_dtl AS detail
        WHERE detail.ext_file_config_sid = config.ext_file_config_sid
            AND detail.oprtnl_flag = 'A'
    ) AS columns
FROM rdscnfg.ext_file_config AS config
INNER JOIN rdscnfg.ext_interface AS interface
    ON interface.ext_interface_cid = config.ext_interface_cid
LEFT JOIN rdscnfg.ext_target AS target
    ON target.ext_target_sid = config.ext_target_sid
WHERE config.oprtnl_flag = 'A'
    AND interface.oprtnl_flag = 'A'
    AND (config.ext_target_sid IS NULL OR target.oprtnl_flag = 'A')
    AND ($1::integer[] IS NULL OR config.ext_file_config_sid = ANY ($1::integer[]))
ORDER BY config.ext_file_config_sid
