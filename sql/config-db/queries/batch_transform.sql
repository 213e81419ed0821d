-- The loads of a batch whose follow-up runs. An end that is not complete leads through here.
UPDATE rdscnfg.ext_file_load
SET
    state = 'transforming',
    state_at = $2,
    state_actor = $3,
    state_note = NULL
WHERE batch_id = $1
    AND state = 'loaded'
    AND concluded_at IS NOT NULL
