-- To transforming for a new attempt at the follow-up: from loaded for the first, from transforming for a further one. The failures
-- of its first step, and of every further step $6 from its first attempt on, are counted from none. An attempt that is on record
-- already moves nothing.
UPDATE rdscnfg.ext_file_load AS load
SET
    due_at = NULL,
    waits_for = NULL,
    tries = CASE WHEN load.state = 'loaded' OR fresh.is_step THEN 0 ELSE load.tries END,
    failed_attempt = CASE WHEN load.state = 'loaded' THEN 0 ELSE load.failed_attempt END,
    retry_since = CASE WHEN load.state = 'loaded' OR fresh.is_step THEN NULL ELSE load.retry_since END,
    retry_error = CASE WHEN load.state = 'loaded' OR fresh.is_step THEN NULL ELSE load.retry_error END,
    state = 'transforming',
    state_at = $3,
    state_actor = $4,
    state_note = $5
FROM (
    SELECT
        $6::integer IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM rdscnfg.ext_statement AS earlier
            WHERE earlier.load_id = $1
                AND earlier.kind = 'follow_up'
                AND earlier.chain_step = $6::integer
        ) AS is_step
) AS fresh
WHERE load.load_id = $1
    AND load.state IN ('loaded', 'transforming')
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.kind = 'follow_up'
            AND statement.attempt >= $2
    )
