-- The statement id that the warehouse gave, for the attempt that is under way.
UPDATE rdscnfg.ext_maintenance
SET
    statement_id = $3,
    due_at = $4
WHERE maintenance_id = $1
    AND state = 'submitted'
    AND attempt = $2
