-- Every warehouse that was ever used or ever failed, how many loads wait for it, and who last had it tried by hand.
SELECT
    known.warehouse,
    coalesce(warehouse.failures, 0) AS failures,
    warehouse.paused_at,
    warehouse.paused_by,
    warehouse.probe_at,
    warehouse.last_error,
    warehouse.last_failed_at,
    warehouse.last_succeeded_at,
    by_hand.operator AS resumed_by,
    by_hand.reason AS resume_reason,
    by_hand.at AS resumed_at,
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
LEFT JOIN LATERAL (
    SELECT
        operation.operator,
        operation.reason,
        operation.at
    FROM rdscnfg.ext_warehouse_operation AS operation
    WHERE operation.warehouse = known.warehouse
    ORDER BY operation.operation_id DESC
    LIMIT 1
) AS by_hand ON true
ORDER BY known.warehouse
LIMIT $1::bigint
