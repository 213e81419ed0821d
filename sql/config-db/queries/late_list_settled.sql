-- Times of which it is known at $1 whether what was missing came, and not on record: it came, or it is of another time when it
-- comes after $2. At most $3.
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
FROM rdscnfg.ext_file_late AS late
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) = late.expected_files - late.arrived_files THEN max(first.received_at) END AS arrived_at
    FROM (
        SELECT min(arrival.received_at) AS received_at
        FROM rdscnfg.ext_file_arrival AS arrival
        WHERE arrival.ext_file_config_sid = late.ext_file_config_sid
            AND arrival.received_at > late.grace_until
            AND arrival.received_at <= least(late.awaited_until, $1::timestamptz)
        GROUP BY
            arrival.bucket_name,
            arrival.object_key
        ORDER BY min(arrival.received_at)
        LIMIT late.expected_files - late.arrived_files
    ) AS first
) AS came
LEFT JOIN rdscnfg.ext_file_config AS config
    ON config.ext_file_config_sid = late.ext_file_config_sid
WHERE late.settled_at IS NULL
    AND (came.arrived_at IS NOT NULL OR late.awaited_until <= $2::timestamptz)
ORDER BY late.late_id
LIMIT $3::bigint
