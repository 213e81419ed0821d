-- When a warehouse is next tried; no row when nothing is known against it.
SELECT warehouse.probe_at
FROM rdscnfg.ext_warehouse AS warehouse
WHERE warehouse.warehouse = $1
    AND warehouse.paused_at IS NOT NULL
