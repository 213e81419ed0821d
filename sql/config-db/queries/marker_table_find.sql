-- Whether a marker table is known to exist.
SELECT EXISTS (
    SELECT
    FROM rdscnfg.ext_marker_table AS marker
    WHERE marker.warehouse = $1
        AND marker.schema_name = $2
        AND marker.table_name = $3
) AS is_known
