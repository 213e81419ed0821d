-- How it ended, once.
UPDATE rdscnfg.ext_maintenance
SET
    state = $2,
    error = $3,
    finished_at = $4
WHERE maintenance_id = $1
    AND state = 'submitted'
