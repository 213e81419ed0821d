-- The loads of a batch that failed for good, or those of them that are listed.
UPDATE rdscnfg.ext_file_load
SET
    error_code = $2,
    error = $3,
    state = 'failed',
    state_at = $4,
    state_actor = $5,
    state_note = $2
WHERE batch_id = $1
    AND state = 'batched'
    AND ($6::uuid[] IS NULL OR load_id = ANY ($6::uuid[]))
