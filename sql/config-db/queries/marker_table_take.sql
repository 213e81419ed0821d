-- The next marker table to compare with the ledger, for one comparer until $2: never compared, or with a pass under way, or
-- whose last pass began before $4 or failed an hour ago; the longest ago first. Gives where it goes on after.
WITH next AS (
    SELECT
        candidate.warehouse,
        candidate.schema_name,
        candidate.table_name
    FROM rdscnfg.ext_marker_table AS candidate
    WHERE (candidate.comparer IS NULL OR candidate.compare_until <= $3)
        AND (
            candidate.pass_began_at IS NULL
            OR candidate.pass_began_at <= $4
            OR (candidate.error IS NOT NULL AND candidate.pass_began_at <= $3 - interval '1 hour')
            OR (candidate.pass_ended_at IS NULL AND candidate.error IS NULL)
        )
    ORDER BY
        candidate.pass_began_at NULLS FIRST,
        candidate.warehouse,
        candidate.schema_name,
        candidate.table_name
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE rdscnfg.ext_marker_table AS marker
SET
    comparer = $1,
    compare_until = $2,
    pass_began_at = CASE
        WHEN marker.pass_began_at IS NOT NULL AND marker.pass_ended_at IS NULL AND marker.error IS NULL
            THEN marker.pass_began_at
        ELSE $3
    END,
    compared_after = CASE WHEN marker.pass_ended_at IS NULL THEN marker.compared_after END,
    pass_ended_at = NULL,
    error = NULL
FROM next
WHERE marker.warehouse = next.warehouse
    AND marker.schema_name = next.schema_name
    AND marker.table_name = next.table_name
RETURNING
    marker.warehouse,
    marker.schema_name,
    marker.table_name,
    marker.compared_after
