-- Rules that expect files, with whom they are told to: of one rule or of all, those that are judged first, at most $3; with $2
-- only those in operation that are due then.
SELECT
    standing.ext_file_config_sid,
    standing.in_operation,
    standing.expected_schedule,
    standing.expected_timezone,
    standing.expected_grace_minutes,
    standing.expected_files,
    standing.changes,
    standing.counted_until,
    standing.next_at,
    standing.missed_last,
    config.ext_interface_cid::text AS ext_interface_cid,
    coalesce(interface.interface_name, '') AS interface_name,
    config.tgt_schema_name,
    config.tgt_table_name,
    config.failure_topic_arn
FROM rdscnfg.ext_file_expectation AS standing
INNER JOIN rdscnfg.ext_file_config AS config
    ON config.ext_file_config_sid = standing.ext_file_config_sid
INNER JOIN rdscnfg.ext_interface AS interface
    ON interface.ext_interface_cid = config.ext_interface_cid
WHERE ($1::integer IS NULL OR standing.ext_file_config_sid = $1::integer)
    AND ($2::timestamptz IS NULL OR (standing.in_operation AND standing.due_at <= $2::timestamptz))
ORDER BY
    standing.due_at,
    standing.ext_file_config_sid
LIMIT $3::bigint
