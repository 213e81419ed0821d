-- The load that came first of those that wait for a place at the table of attempt $2 at load $1, which has ended, is due at $3.
-- The race: two attempts end at once. Each passes over the row that the other has locked, and so lets in another one.
WITH next AS (
    SELECT waiting.load_id
    FROM rdscnfg.ext_statement AS statement
    INNER JOIN rdscnfg.ext_file_load AS ended
        ON ended.load_id = statement.load_id
    INNER JOIN rdscnfg.ext_file_load AS waiting
        ON waiting.waits_for
            = 'table ' || statement.warehouse || ' ' || lower(ended.tgt_schema_name) || '.' || lower(ended.tgt_table_name)
        AND (waiting.lease_until IS NULL OR waiting.lease_until <= $3)
    WHERE statement.load_id = $1
        AND statement.kind = 'load'
        AND statement.attempt = $2
    ORDER BY
        waiting.received_at,
        waiting.load_id
    LIMIT 1
    FOR UPDATE OF waiting SKIP LOCKED
)
UPDATE rdscnfg.ext_file_load AS load
SET
    due_at = $3,
    waits_for = NULL
FROM next
WHERE load.load_id = next.load_id
RETURNING load.load_id
