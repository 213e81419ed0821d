-- received to rejected, once: the first reason stays.
UPDATE rdscnfg.ext_file_load
SET
    error_code = $2,
    error = $3,
    reject = $4,
    state = 'rejected',
    state_at = $5,
    state_actor = $6,
    state_note = $2
WHERE load_id = $1
    AND state = 'received'
