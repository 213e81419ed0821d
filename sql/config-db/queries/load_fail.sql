-- prepared, queued or submitted to failed, once: the first error stays.
UPDATE rdscnfg.ext_file_load
SET
    error_code = $2,
    error = $3,
    rows_rejected = $4,
    state = 'failed',
    state_at = $5,
    state_actor = $6,
    state_note = $2
WHERE load_id = $1
    AND state IN ('prepared', 'queued', 'submitted')
