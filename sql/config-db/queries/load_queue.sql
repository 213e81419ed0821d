-- To queued for a new attempt at the load transaction; an attempt that is on record already moves nothing. Where $7 transactions
-- of the load's table are with warehouse $6, or somebody who came before waits for that, it waits too, until $8 at the latest:
-- then the place that it waits for is given.
-- The race: two invocations record one attempt at once. load_lock lets one pass, and the other then finds the attempt.
-- Another one: several loads find the last place free. All of them go; the number spares the service, and nothing depends on it.
WITH asking AS (
    SELECT
        load.load_id,
        load.due_at,
        lower(load.tgt_schema_name) AS schema_name,
        lower(load.tgt_table_name) AS table_name,
        'table ' || $6 || ' ' || lower(load.tgt_schema_name) || '.' || lower(load.tgt_table_name) AS place
    FROM rdscnfg.ext_file_load AS load
    WHERE load.load_id = $1
),
crowded AS (
    SELECT asking.place
    FROM asking
    WHERE $7::bigint IS NOT NULL
        AND (
            (
                SELECT count(*)
                FROM rdscnfg.ext_file_load AS other
                WHERE other.state = 'submitted'
                    AND lower(other.tgt_schema_name) = asking.schema_name
                    AND lower(other.tgt_table_name) = asking.table_name
                    AND EXISTS (
                        SELECT
                        FROM rdscnfg.ext_statement AS statement
                        WHERE statement.load_id = other.load_id
                            AND statement.kind = 'load'
                            AND statement.warehouse = $6
                            AND statement.finished_at IS NULL
                    )
            ) >= $7::bigint
            -- What has a time of its own was here before, or has waited already.
            OR (
                asking.due_at IS NULL
                AND EXISTS (
                    SELECT
                    FROM rdscnfg.ext_file_load AS waiting
                    WHERE waiting.waits_for = asking.place
                )
            )
        )
)
UPDATE rdscnfg.ext_file_load AS load
SET
    submitted_at = NULL,
    due_at = CASE WHEN crowded.place IS NOT NULL THEN $8::timestamptz END,
    waits_for = crowded.place,
    state = 'queued',
    state_at = $3,
    state_actor = $4,
    state_note = CASE WHEN crowded.place IS NOT NULL THEN 'waits for ' || crowded.place ELSE $5 END
FROM asking
LEFT JOIN crowded
    ON crowded.place = asking.place
WHERE load.load_id = asking.load_id
    AND load.state IN ('prepared', 'queued', 'submitted')
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.kind = 'load'
            AND statement.attempt >= $2
    )
RETURNING load.waits_for
