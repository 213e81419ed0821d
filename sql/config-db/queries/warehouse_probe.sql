-- Lets one probe through to a paused warehouse, and the next one not before $3.
-- The race: two loads want to be the probe. The row's lock lets one pass, and the other finds probe_at in the future.
UPDATE rdscnfg.ext_warehouse
SET probe_at = $3
WHERE warehouse = $1
    AND probe_at <= $2
