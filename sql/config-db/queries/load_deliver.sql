-- received to delivering, once: the deliveries go by what is put on record here.
UPDATE rdscnfg.ext_file_load
SET
    rows_expected = $2,
    remarks = $3,
    plan = $4,
    prepare_duration_ms = $5,
    deliveries = $6,
    state = 'delivering',
    state_at = $7,
    state_actor = $8,
    state_note = NULL
WHERE load_id = $1
    AND state = 'received'
