-- Puts down once whether what was missing came, with the message of it. A file that came late does not count for the next time,
-- unless the time before was missed too, or the next one is judged already.
WITH
settled AS (
    UPDATE rdscnfg.ext_file_late
    SET
        arrived_at = $2,
        settled_at = $3
    WHERE late_id = $1
        AND settled_at IS NULL
    RETURNING
        late_id,
        ext_file_config_sid,
        grace_until,
        follows_missed
),

counted AS (
    UPDATE rdscnfg.ext_file_expectation AS standing
    SET counted_until = $2
    FROM settled
    WHERE standing.ext_file_config_sid = settled.ext_file_config_sid
        AND standing.counted_until = settled.grace_until
        AND NOT settled.follows_missed
        AND $2::timestamptz IS NOT NULL
)

INSERT INTO rdscnfg.ext_outbox (
    late_id,
    outcome,
    topic_arn,
    message,
    created_at
)
SELECT
    settled.late_id,
    'arrived_late',
    $4::text,
    $5::jsonb,
    $3
FROM settled
WHERE $4::text IS NOT NULL
