-- The differences between the ledger and the markers that were found of these loads, settled or not.
SELECT
    difference.load_id,
    difference.kind,
    difference.warehouse,
    difference.schema_name,
    difference.table_name,
    difference.object_url,
    difference.row_count,
    difference.found_at,
    difference.settled_at,
    difference.settled_by,
    difference.settled_as,
    difference.note,
    EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS load
        WHERE load.load_id = difference.load_id
            AND load.batch_files IS NOT NULL
    ) AS is_batch
FROM rdscnfg.ext_marker_difference AS difference
WHERE difference.load_id = ANY ($1::uuid[])
ORDER BY difference.load_id, difference.kind
