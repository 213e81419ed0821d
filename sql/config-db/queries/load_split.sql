-- received to split, once.
UPDATE rdscnfg.ext_file_load
SET
    rows_expected = $2,
    remarks = $3,
    prepare_duration_ms = $4,
    state = 'split',
    state_at = $5,
    state_actor = $6,
    state_note = NULL
WHERE load_id = $1
    AND state = 'received'
