-- received to split, once.
UPDATE rdscnfg.ext_file_load
SET
    rows_expected = $2,
    remarks = $3,
    plan = $4,
    prepare_duration_ms = $5,
    state = 'split',
    state_at = $6,
    state_actor = $7,
    state_note = NULL
WHERE load_id = $1
    AND state = 'received'
