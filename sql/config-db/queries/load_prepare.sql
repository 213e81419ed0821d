-- received to prepared, once: a second preparation finds another state and changes nothing.
UPDATE rdscnfg.ext_file_load
SET
    rows_expected = $2,
    sources = $3,
    prepared = $4,
    manifest_key = $5,
    plan = $6,
    remarks = $7,
    prepare_duration_ms = $8,
    prepared_at = $9,
    replaces = $11,
    state = 'prepared',
    state_at = $9,
    state_actor = $10,
    state_note = NULL
WHERE load_id = $1
    AND state = 'received'
