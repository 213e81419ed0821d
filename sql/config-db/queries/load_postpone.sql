-- A load that cannot go on now waits until $3 where it is taken up again; the state that the caller saw must still hold.
-- Of attempt $5 a failure is counted once: told of again, or of an attempt that is no longer the newest, it changes nothing.
UPDATE rdscnfg.ext_file_load AS load
SET
    due_at = $3,
    waits_for = NULL,
    tries = load.tries + $7,
    failed_attempt = greatest(load.failed_attempt, $5),
    retry_since = CASE WHEN $11 THEN coalesce(load.retry_since, $9) ELSE load.retry_since END,
    retry_error = coalesce($6, load.retry_error),
    submitted_at = CASE WHEN load.state = 'submitted' THEN NULL ELSE load.submitted_at END,
    state = CASE WHEN load.state IN ('prepared', 'submitted') THEN 'queued' ELSE load.state END,
    state_at = CASE WHEN load.state IN ('prepared', 'submitted') THEN $9 ELSE load.state_at END,
    state_actor = CASE WHEN load.state IN ('prepared', 'submitted') THEN $10 ELSE load.state_actor END,
    state_note = CASE WHEN load.state IN ('prepared', 'submitted') THEN $8 ELSE load.state_note END
WHERE load.load_id = $1
    AND load.state = $2
    AND load.state IN ('received', 'prepared', 'queued', 'submitted', 'loaded', 'transforming')
    AND (
        $5 = 0
        OR (
            load.failed_attempt < $5
            AND NOT EXISTS (
                SELECT
                FROM rdscnfg.ext_statement AS statement
                WHERE statement.load_id = load.load_id
                    AND statement.kind = $4
                    AND statement.attempt > $5
            )
        )
    )
