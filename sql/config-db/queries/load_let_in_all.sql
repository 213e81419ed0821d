-- Of the loads that wait for a place at their table, those that came first are due at $1, as many as fit among $2: nobody may have
-- been there to let them in when a place came free.
-- The race: somebody else lets one in at the same time. The last condition is looked at again once its row is free.
WITH waiting AS (
    SELECT
        load.load_id,
        load.waits_for AS place,
        row_number() OVER (PARTITION BY load.waits_for ORDER BY load.received_at, load.load_id) AS turn
    FROM rdscnfg.ext_file_load AS load
    WHERE load.waits_for LIKE 'table %'
),
-- Asked load by load, so that statements of old are not read.
submitted AS (
    SELECT
        (
            SELECT 'table ' || statement.warehouse
            FROM rdscnfg.ext_statement AS statement
            WHERE statement.load_id = load.load_id
                AND statement.kind = 'load'
                AND statement.finished_at IS NULL
            LIMIT 1
        ) || ' ' || lower(load.tgt_schema_name) || '.' || lower(load.tgt_table_name) AS place
    FROM rdscnfg.ext_file_load AS load
    WHERE load.state = 'submitted'
        AND EXISTS (SELECT FROM waiting)
),
running AS (
    SELECT
        submitted.place,
        count(*) AS transactions
    FROM submitted
    GROUP BY submitted.place
)
UPDATE rdscnfg.ext_file_load AS load
SET
    due_at = $1,
    waits_for = NULL
FROM waiting
LEFT JOIN running
    ON running.place = waiting.place
WHERE load.load_id = waiting.load_id
    AND load.waits_for = waiting.place
    AND waiting.turn <= $2::bigint - coalesce(running.transactions, 0)
