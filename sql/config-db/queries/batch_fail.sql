-- The loads of a batch that failed for good.
UPDATE rdscnfg.ext_file_load
SET
    error_code = $2,
    error = $3,
    state = 'failed',
    state_at = $4,
    state_actor = $5,
    state_note = $2
WHERE batch_id = $1
    AND state = 'batched'
