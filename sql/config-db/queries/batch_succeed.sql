-- The loads of a batch whose transaction committed, or those of them that are listed. A batch does not say how many rows each
-- brought: as many as were counted, where none could be left out ($3).
UPDATE rdscnfg.ext_file_load AS load
SET
    rows_loaded = CASE WHEN $3 THEN load.rows_expected END,
    rows_rejected = CASE WHEN $3 AND load.rows_expected IS NOT NULL THEN 0 END,
    statement_id = $4,
    submitted_at = coalesce(load.submitted_at, batch.submitted_at),
    loaded_at = $5,
    state = 'loaded',
    state_at = $5,
    state_actor = $6,
    state_note = $4
FROM rdscnfg.ext_file_load AS batch
WHERE load.batch_id = $1
    AND batch.load_id = $1
    AND load.state = 'batched'
    AND ($2::uuid[] IS NULL OR load.load_id = ANY ($2::uuid[]))
