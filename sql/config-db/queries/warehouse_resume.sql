-- A warehouse that ran a statement is back; gives since when it was paused, if it was. One of any number of calls at once
-- finds failures to forget.
WITH failing AS (
    SELECT
        warehouse.warehouse,
        warehouse.paused_at
    FROM rdscnfg.ext_warehouse AS warehouse
    WHERE warehouse.warehouse = $1
        AND warehouse.failures > 0
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
