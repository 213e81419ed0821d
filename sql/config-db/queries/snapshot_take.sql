-- The next table of a snapshot rule that is due at $1, for the runner $2 until $3: planned, started once, or taken over from a
-- runner that died. How the load that it started last stands comes with it.
-- The race: two runners at once. Each skips the row that the other has locked, and once the lock is gone run_until keeps the
-- table; PostgreSQL checks it again on the newest row before it gives a lock.
WITH next AS (
    SELECT
        candidate.ext_file_config_sid,
        candidate.tgt_table_name
    FROM rdscnfg.ext_snapshot_schedule AS candidate
    WHERE candidate.in_operation
        AND candidate.due_at <= $1
        AND (candidate.run_until IS NULL OR candidate.run_until <= $1)
    ORDER BY
        candidate.due_at,
        candidate.ext_file_config_sid,
        candidate.tgt_table_name
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE rdscnfg.ext_snapshot_schedule AS standing
SET
    runner = $2,
    run_until = $3,
    began_at = CASE WHEN standing.planned_for = standing.schedule THEN $1 ELSE standing.began_at END
FROM next
WHERE standing.ext_file_config_sid = next.ext_file_config_sid
    AND standing.tgt_table_name = next.tgt_table_name
RETURNING
    standing.ext_file_config_sid,
    standing.tgt_table_name,
    standing.in_operation,
    standing.schedule,
    standing.planned_for,
    standing.due_at,
    standing.starting_load_id,
    standing.starting_date,
    standing.began_at,
    standing.ended_at,
    standing.outcome,
    standing.rule_version,
    standing.data_date,
    standing.load_id,
    standing.load_date,
    (
        SELECT load.state
        FROM rdscnfg.ext_file_load AS load
        WHERE load.load_id = standing.load_id
    ) AS load_state,
    standing.loaded_date,
    standing.error,
    standing.failures
