-- A time at which too few files came, once, and its message, where it is told by itself.
WITH recorded AS (
    INSERT INTO rdscnfg.ext_file_late (
        ext_file_config_sid,
        ext_interface_cid,
        interface_name,
        table_name,
        expected_at,
        expected_timezone,
        grace_until,
        awaited_until,
        expected_files,
        arrived_files,
        newest_load_id,
        newest_file_name,
        newest_file_at,
        follows_missed,
        found_at,
        arrived_at,
        settled_at
    )
    VALUES (
        $1,
        $2::text::numeric,
        $3,
        $4,
        $5,
        $6,
        $7,
        $8,
        $9,
        $10,
        $11,
        $12,
        $13,
        $14,
        $15,
        $16,
        $17
    )
    ON CONFLICT (ext_file_config_sid, expected_at) DO NOTHING
    RETURNING
        late_id,
        found_at
)
INSERT INTO rdscnfg.ext_outbox (
    late_id,
    outcome,
    topic_arn,
    message,
    created_at
)
SELECT
    recorded.late_id,
    'late',
    $18::text,
    $19::jsonb,
    recorded.found_at
FROM recorded
WHERE $18::text IS NOT NULL
