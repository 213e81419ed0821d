-- received to skipped, once: the first note stays.
UPDATE rdscnfg.ext_file_load
SET
    remarks = remarks || jsonb_build_array($2::text),
    state = 'skipped',
    state_at = $3,
    state_actor = $4,
    state_note = $2::text
WHERE load_id = $1
    AND state = 'received'
