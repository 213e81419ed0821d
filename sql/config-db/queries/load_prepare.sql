-- received to prepared, once: a second preparation finds another state and changes nothing.
UPDATE rdscnfg.ext_file_load
SET
    rows_expected = $2,
    sources = $3,
    prepared = $4,
    manifest_key = $5,
    remarks = $6,
    prepare_duration_ms = $7,
    prepared_at = $8,
    state = 'prepared',
    state_at = $8,
    state_actor = $9,
    state_note = NULL
WHERE load_id = $1
    AND state = 'received'
