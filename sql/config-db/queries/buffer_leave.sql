-- batched and not yet in a batch, to skipped, once. Whoever calls it holds the lock of its set, or of its buffer. $6 is the load of
-- the file that lies in the place of its own, if that is why.
UPDATE rdscnfg.ext_file_load
SET
    remarks = remarks || jsonb_build_array($2::text),
    superseded_by = $6,
    state = 'skipped',
    state_at = $3,
    state_actor = $4,
    state_note = $2::text
WHERE load_id = $1
    AND buffer_id = $5
    AND state = 'batched'
    AND batch_id IS NULL
