-- A warehouse that ran statement $3, $4, $5, or one that is in no table where they are NULL, is back; gives since when it was paused, if it was. One of any number of calls
-- at once finds failures to forget. What was submitted before a pause says nothing about what came after it.
WITH failing AS (
    SELECT
        warehouse.warehouse,
        warehouse.paused_at
    FROM rdscnfg.ext_warehouse AS warehouse
    WHERE warehouse.warehouse = $1
        AND warehouse.failures > 0
        AND NOT EXISTS (
            SELECT
            FROM rdscnfg.ext_statement AS statement
            WHERE statement.load_id = $3
                AND statement.kind = $4
                AND statement.attempt = $5
                AND statement.submitted_at < warehouse.paused_at
        )
    FOR UPDATE
)
UPDATE rdscnfg.ext_warehouse AS warehouse
SET
    failures = 0,
    paused_at = NULL,
    paused_by = NULL,
    probe_at = NULL,
    last_succeeded_at = $2
FROM failing
WHERE warehouse.warehouse = failing.warehouse
RETURNING failing.paused_at
