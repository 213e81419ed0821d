-- received to skipped and concluded at once, for an object that its rule passes over: nobody is told, and it stays where it is.
UPDATE rdscnfg.ext_file_load
SET
    remarks = remarks || jsonb_build_array($2::text),
    state = 'skipped',
    state_at = $3,
    state_actor = $4,
    state_note = $2::text,
    concluded_at = $3,
    finished_at = $3
WHERE load_id = $1
    AND state = 'received'
