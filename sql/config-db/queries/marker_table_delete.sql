-- Forgets a marker table.
DELETE FROM rdscnfg.ext_marker_table
WHERE warehouse = $1
    AND schema_name = $2
    AND table_name = $3
