-- Differences between the ledger and the markers, the newest first, at most $2; the settled ones too when $1 says so.
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
WHERE $1::boolean OR difference.settled_at IS NULL
ORDER BY difference.found_at DESC, difference.load_id
LIMIT $2::bigint
