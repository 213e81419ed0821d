-- queued or submitted to loaded, once.
UPDATE rdscnfg.ext_file_load
SET
    rows_loaded = $2,
    rows_rejected = $3,
    statement_id = $4,
    loaded_at = $5,
    state = 'loaded',
    state_at = $5,
    state_actor = $6,
    state_note = $4
WHERE load_id = $1
    AND state IN ('queued', 'submitted')
