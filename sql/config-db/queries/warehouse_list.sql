-- Every warehouse that was ever used or ever failed, and how many loads wait for it.
SELECT
    known.warehouse,
    coalesce(warehouse.failures, 0) AS failures,
    warehouse.paused_at,
    warehouse.paused_by,
    warehouse.probe_at,
    warehouse.last_error,
    warehouse.last_failed_at,
    warehouse.last_succeeded_at,
    (
        SELECT count(*)
        FROM rdscnfg.ext_file_load AS load
        WHERE load.waits_for = known.warehouse
    ) AS waiting
FROM (
    SELECT marker.warehouse
    FROM rdscnfg.ext_marker_table AS marker
    UNION
    SELECT failed.warehouse
    FROM rdscnfg.ext_warehouse AS failed
) AS known
LEFT JOIN rdscnfg.ext_warehouse AS warehouse
    ON warehouse.warehouse = known.warehouse
ORDER BY known.warehouse
LIMIT $1::bigint
