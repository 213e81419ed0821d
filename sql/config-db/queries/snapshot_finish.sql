-- What came of a run of $3, and when the next one is due by the schedule $4. The failure $12 is told when $13 says so, and where one
-- before it is still to be told. A schedule that was changed meanwhile is left to be planned anew. No row is changed when another
-- runner has the table by now.
UPDATE rdscnfg.ext_snapshot_schedule
SET
    due_at = CASE WHEN schedule = $4 THEN $5 ELSE due_at END,
    planned_for = $4,
    runner = NULL,
    run_until = NULL,
    starting_load_id = NULL,
    starting_date = NULL,
    ended_at = $6,
    outcome = $7,
    rule_version = $8,
    data_date = $9,
    load_id = coalesce($10::uuid, load_id),
    load_date = CASE WHEN $10::uuid IS NULL THEN load_date ELSE $9 END,
    loaded_date = $11,
    error = $12,
    failures = CASE WHEN $12::text IS NULL THEN 0 ELSE failures + 1 END,
    told_error = CASE WHEN $12::text IS NULL THEN NULL ELSE told_error END,
    tell_at = CASE
        WHEN $12::text IS NULL OR $12::text = told_error THEN NULL
        WHEN $13::boolean THEN $6::timestamptz
        ELSE tell_at
    END
WHERE ext_file_config_sid = $1
    AND tgt_table_name = $2
    AND runner = $3
