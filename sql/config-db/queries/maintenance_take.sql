-- The next statement whose turn it is at $1, held until $2 so that nobody else takes it meanwhile. What is under way is asked
-- about; what is queued begins when nothing of its load comes before it and, a vacuum, when no other one runs in its warehouse.
-- Two takers at once: FOR UPDATE SKIP LOCKED gives them different rows; of two vacuums of one warehouse the unique index
-- ext_maintenance_one_vacuum lets one be submitted.
UPDATE rdscnfg.ext_maintenance
SET due_at = $2
WHERE maintenance_id = (
        SELECT next.maintenance_id
        FROM rdscnfg.ext_maintenance AS next
        WHERE next.state IN ('queued', 'submitted')
            AND next.due_at <= $1
            AND (
                next.state = 'submitted'
                OR NOT EXISTS (
                    SELECT
                    FROM rdscnfg.ext_maintenance AS before
                    WHERE before.state IN ('queued', 'submitted')
                        AND before.maintenance_id <> next.maintenance_id
                        AND (
                            (before.load_id = next.load_id AND before.maintenance_id < next.maintenance_id)
                            OR (
                                next.kind = 'vacuum'
                                AND before.kind = 'vacuum'
                                AND before.state = 'submitted'
                                AND before.warehouse = next.warehouse
                            )
                        )
                )
            )
        ORDER BY next.due_at, next.maintenance_id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
RETURNING
    maintenance_id,
    load_id,
    kind,
    warehouse,
    tgt_schema_name,
    tgt_table_name,
    rows_deleted,
    place,
    state,
    attempt,
    statement_id,
    error,
    queued_at,
    due_at,
    submitted_at,
    finished_at
