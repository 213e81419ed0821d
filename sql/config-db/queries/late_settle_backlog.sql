-- Puts down once that the files of a time came with those of a later one, with the message of it. With the first time of the backlog all of
-- it has come, and none of its files counts for the next time, unless that is judged already.
WITH
settled AS (
    UPDATE rdscnfg.ext_file_late
    SET
        arrived_at = $2,
        settled_at = coalesce(settled_at, $3)
    WHERE late_id = $1
        AND arrived_at IS NULL
    RETURNING
        late_id,
        ext_file_config_sid,
        follows_missed
),

counted AS (
    UPDATE rdscnfg.ext_file_expectation AS standing
    SET counted_until = $2
    FROM settled
    WHERE standing.ext_file_config_sid = settled.ext_file_config_sid
        AND standing.missed_last
        AND standing.counted_until < $2
        AND NOT settled.follows_missed
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
    $4,
    $5,
    $3
FROM settled
