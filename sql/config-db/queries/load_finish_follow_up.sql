-- transforming to its end, once.
UPDATE rdscnfg.ext_file_load
SET
    finished_at = $3,
    state = $2,
    state_at = $3,
    state_actor = $4,
    state_note = $5
WHERE load_id = $1
    AND state = 'transforming'
