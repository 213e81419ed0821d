-- Differences of a table that a slice covered (after $4, up to $5) and did not find any more settled themselves.
UPDATE rdscnfg.ext_marker_difference
SET
    settled_at = $7,
    settled_by = $8,
    settled_as = 'gone'
WHERE warehouse = $1
    AND lower(schema_name) = lower($2)
    AND lower(table_name) = lower($3)
    AND ($4::uuid IS NULL OR load_id > $4::uuid)
    AND ($5::uuid IS NULL OR load_id <= $5::uuid)
    AND load_id <> ALL ($6::uuid[])
    AND settled_at IS NULL
