-- Puts a submission on record before it is made: the attempt's number names the statement. Another vacuum of the warehouse that
-- runs by now makes this fail on ext_maintenance_one_vacuum, and it stays queued.
UPDATE rdscnfg.ext_maintenance
SET
    state = 'submitted',
    attempt = attempt + 1,
    statement_id = NULL,
    submitted_at = $2,
    due_at = $3
WHERE maintenance_id = $1
    AND state = 'queued'
RETURNING attempt
