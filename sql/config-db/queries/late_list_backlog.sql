-- Times that were missed one after the other up to the newest of their rule, and whose files came at $1 behind those that the newest
-- lacked, in the time in which they were awaited: the newest of these times first, as nobody can say which file is of which. At most $2.
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
    came.arrived_at,
    late.settled_at,
    config.success_topic_arn
FROM rdscnfg.ext_file_expectation AS standing
CROSS JOIN LATERAL (
    SELECT
        missed.expected_at,
        missed.grace_until,
        missed.awaited_until,
        missed.expected_files - missed.arrived_files AS lacking,
        missed.arrived_at
    FROM rdscnfg.ext_file_late AS missed
    WHERE missed.ext_file_config_sid = standing.ext_file_config_sid
    ORDER BY missed.expected_at DESC
    LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT max(missed.expected_at) AS begins_at
    FROM rdscnfg.ext_file_late AS missed
    WHERE missed.ext_file_config_sid = standing.ext_file_config_sid
        AND NOT missed.follows_missed
) AS backlog
CROSS JOIN LATERAL (
    SELECT
        earlier.late_id,
        earlier.ext_file_config_sid,
        earlier.ext_interface_cid,
        earlier.interface_name,
        earlier.table_name,
        earlier.expected_at,
        earlier.expected_timezone,
        earlier.grace_until,
        earlier.awaited_until,
        earlier.expected_files,
        earlier.arrived_files,
        earlier.newest_load_id,
        earlier.newest_file_name,
        earlier.newest_file_at,
        earlier.follows_missed,
        earlier.found_at,
        earlier.arrived_at,
        earlier.settled_at,
        sum(earlier.expected_files - earlier.arrived_files) OVER (ORDER BY earlier.expected_at DESC) AS lacking
    FROM rdscnfg.ext_file_late AS earlier
    WHERE earlier.ext_file_config_sid = standing.ext_file_config_sid
        AND earlier.expected_at >= backlog.begins_at
        AND earlier.expected_at < newest.expected_at
        AND (earlier.arrived_at IS NULL OR earlier.arrived_at > newest.grace_until)
) AS late
CROSS JOIN LATERAL (
    SELECT min(arrival.received_at) AS arrived_at
    FROM rdscnfg.ext_file_arrival AS arrival
    WHERE arrival.ext_file_config_sid = standing.ext_file_config_sid
        AND arrival.received_at > newest.grace_until
        AND arrival.received_at <= least(newest.awaited_until, $1::timestamptz)
    GROUP BY
        arrival.bucket_name,
        arrival.object_key
    ORDER BY min(arrival.received_at)
    LIMIT 1
    OFFSET newest.lacking + late.lacking - 1
) AS came
LEFT JOIN rdscnfg.ext_file_config AS config
    ON config.ext_file_config_sid = late.ext_file_config_sid
WHERE standing.missed_last
    AND standing.in_operation
    AND newest.arrived_at IS NOT NULL
    AND late.arrived_at IS NULL
ORDER BY
    late.expected_at DESC,
    late.late_id
LIMIT $2::bigint
