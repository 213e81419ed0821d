-- To queued for a new attempt at the load transaction; an attempt that is on record already moves nothing.
-- The race: two invocations record one attempt at once. load_lock lets one pass, and the other then finds the attempt.
UPDATE rdscnfg.ext_file_load AS load
SET
    submitted_at = NULL,
    due_at = NULL,
    waits_for = NULL,
    state = 'queued',
    state_at = $3,
    state_actor = $4,
    state_note = $5
WHERE load.load_id = $1
    AND load.state IN ('prepared', 'queued', 'submitted')
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.kind = 'load'
            AND statement.attempt >= $2
    )
