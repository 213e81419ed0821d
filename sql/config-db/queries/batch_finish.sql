-- The loads of a batch end as its follow-up did; $5 is why that failed.
UPDATE rdscnfg.ext_file_load
SET
    finished_at = $3,
    retry_error = coalesce($5, retry_error),
    state = $2,
    state_at = $3,
    state_actor = $4,
    state_note = NULL
WHERE batch_id = $1
    AND state = 'transforming'
