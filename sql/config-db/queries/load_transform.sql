-- loaded to transforming, for the first attempt at the follow-up.
UPDATE rdscnfg.ext_file_load
SET
    state = 'transforming',
    state_at = $2,
    state_actor = $3,
    state_note = $4
WHERE load_id = $1
    AND state = 'loaded'
