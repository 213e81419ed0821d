-- A difference between the ledger and the markers. Gives a row when it is news: not known, or settled by itself before.
INSERT INTO rdscnfg.ext_marker_difference AS known (
    load_id,
    kind,
    warehouse,
    schema_name,
    table_name,
    object_url,
    row_count,
    found_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (load_id, kind)
DO UPDATE
SET
    object_url = excluded.object_url,
    row_count = excluded.row_count,
    found_at = excluded.found_at,
    settled_at = NULL,
    settled_by = NULL,
    settled_as = NULL
WHERE known.settled_as = 'gone'
RETURNING known.load_id
