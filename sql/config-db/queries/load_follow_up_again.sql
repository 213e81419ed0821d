-- transform_failed to transforming by hand, once, with the loads that a batch carries: whoever settles it next sends the try that
-- is put on record with it. What failed before is counted no more.
UPDATE rdscnfg.ext_file_load
SET
    finished_at = NULL,
    due_at = NULL,
    waits_for = NULL,
    tries = 0,
    retry_since = NULL,
    retry_error = NULL,
    resumed_at = $2,
    state = 'transforming',
    state_at = $2,
    state_actor = $3,
    state_note = $4
WHERE (load_id = $1 OR batch_id = $1)
    AND state = 'transform_failed'
