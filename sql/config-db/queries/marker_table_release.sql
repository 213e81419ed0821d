-- A slice of a marker table is compared, up to $5, or the pass is done when it is NULL; or the try failed with $6.
UPDATE rdscnfg.ext_marker_table
SET
    comparer = NULL,
    compare_until = NULL,
    compared_after = CASE WHEN $6::text IS NULL THEN $5::uuid ELSE compared_after END,
    pass_ended_at = CASE WHEN $5::uuid IS NULL AND $6::text IS NULL THEN $7::timestamptz END,
    error = $6
WHERE warehouse = $1
    AND schema_name = $2
    AND table_name = $3
    AND comparer = $4
