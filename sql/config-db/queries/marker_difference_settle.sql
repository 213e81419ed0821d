-- An operator settles the open differences of a load: who, when, how and why. Settling them again changes nothing.
UPDATE rdscnfg.ext_marker_difference
SET
    settled_at = $2,
    settled_by = $3,
    settled_as = $4,
    note = $5
WHERE load_id = $1
    AND settled_at IS NULL
