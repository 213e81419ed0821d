-- The table runs next at $5, which was found by the schedule $4, or is looked at again then; nothing has come of it yet. A
-- schedule that was changed meanwhile is left to be planned anew. No row is changed when another runner has the table by now.
UPDATE rdscnfg.ext_snapshot_schedule
SET
    due_at = CASE WHEN schedule = $4 THEN $5 ELSE due_at END,
    planned_for = $4,
    runner = NULL,
    run_until = NULL,
    starting_load_id = NULL,
    starting_date = NULL
WHERE ext_file_config_sid = $1
    AND tgt_table_name = $2
    AND runner = $3
