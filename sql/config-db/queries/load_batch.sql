-- received to batched, once: from here on its buffer, and then its batch, says what becomes of it.
UPDATE rdscnfg.ext_file_load AS load
SET
    rows_expected = $2,
    sources = $3,
    prepared = $4,
    remarks = $5,
    prepare_duration_ms = $6,
    prepared_at = $7,
    buffer_id = $9,
    batch_order = load.captures ->> $10::text,
    set_part = $11,
    state = 'batched',
    state_at = $7,
    state_actor = $8,
    state_note = NULL
WHERE load.load_id = $1
    AND load.state = 'received'
