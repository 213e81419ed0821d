-- Times at which too few files came, of one rule or of all, the newest first, at most $2.
SELECT
    late.late_id,
    late.ext_file_config_sid,
    late.ext_interface_cid::text AS ext_interface_cid,
    late.interface_name,
    late.table_name,
    late.expected_at,
    late.expected_timezone,
    late.grace_until,
    late.awaited_until,
    late.expected_files,
    late.arrived_files,
    late.newest_load_id,
    late.newest_file_name,
    late.newest_file_at,
    late.follows_missed,
    late.found_at,
    late.arrived_at,
    late.settled_at,
    NULL::text AS success_topic_arn
FROM rdscnfg.ext_file_late AS late
WHERE $1::integer IS NULL
    OR late.ext_file_config_sid = $1::integer
ORDER BY
    late.found_at DESC,
    late.expected_at DESC,
    late.late_id DESC
LIMIT $2::bigint
