-- One more failure in a row that was the warehouse's own. At the $5th it is paused, by load $4; while it is paused, each
-- failure doubles the wait for the next probe, from $6 to at most $7 seconds. Says whether this failure paused it,
-- which is then since now.
-- The race: two failures at once. The row's lock lets one pass, and the other counts on from there.
INSERT INTO rdscnfg.ext_warehouse AS warehouse (
    warehouse,
    failures,
    paused_at,
    paused_by,
    probe_at,
    last_error,
    last_failed_at
)
VALUES (
    $1,
    1,
    CASE WHEN $5 <= 1 THEN $3::timestamptz END,
    CASE WHEN $5 <= 1 THEN $4::uuid END,
    CASE WHEN $5 <= 1 THEN $3::timestamptz + make_interval(secs => $6) END,
    $2,
    $3
)
ON CONFLICT (warehouse)
DO UPDATE
SET
    failures = warehouse.failures + 1,
    paused_at = CASE
        WHEN warehouse.failures + 1 >= $5 THEN coalesce(warehouse.paused_at, excluded.last_failed_at)
        ELSE warehouse.paused_at
    END,
    paused_by = CASE
        WHEN warehouse.failures + 1 >= $5 THEN coalesce(warehouse.paused_by, $4)
        ELSE warehouse.paused_by
    END,
    probe_at = CASE
        WHEN warehouse.failures + 1 >= $5 OR warehouse.paused_at IS NOT NULL THEN
            excluded.last_failed_at + make_interval(
                secs => least($7, $6 * power(2, least(greatest(warehouse.failures + 1 - $5, 0), 16)))
            )
    END,
    last_error = excluded.last_error,
    last_failed_at = excluded.last_failed_at
RETURNING
    warehouse.probe_at,
    coalesce(warehouse.paused_at = $3 AND warehouse.paused_by = $4, false) AS pauses
