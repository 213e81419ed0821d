-- What loads left to be done to their tables, of one load or of all, the newest first.
SELECT
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
FROM rdscnfg.ext_maintenance
WHERE $1::uuid IS NULL OR load_id = $1::uuid
ORDER BY maintenance_id DESC
LIMIT $2
