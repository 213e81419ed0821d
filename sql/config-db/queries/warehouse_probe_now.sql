-- A paused warehouse may be tried at once. No row when it is not paused.
UPDATE rdscnfg.ext_warehouse
SET probe_at = least(probe_at, $2)
WHERE warehouse = $1
    AND paused_at IS NOT NULL
RETURNING warehouse
