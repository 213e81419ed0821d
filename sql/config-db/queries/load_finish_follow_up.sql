-- transforming to its end, once; $6 is why it failed.
UPDATE rdscnfg.ext_file_load
SET
    finished_at = $3,
    retry_error = coalesce($6, retry_error),
    state = $2,
    state_at = $3,
    state_actor = $4,
    state_note = $5
WHERE load_id = $1
    AND state = 'transforming'
