-- Back into the queue: what failed in passing is begun again at $3.
UPDATE rdscnfg.ext_maintenance
SET
    state = 'queued',
    error = $2,
    due_at = $3
WHERE maintenance_id = $1
    AND state = 'submitted'
