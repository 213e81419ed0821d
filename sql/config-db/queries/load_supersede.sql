-- received, prepared or queued to skipped, once, since its file was replaced before it was loaded. An attempt that may be with the
-- warehouse keeps it where it is: then that decides.
UPDATE rdscnfg.ext_file_load AS load
SET
    remarks = load.remarks || jsonb_build_array($3::text),
    superseded_by = $2,
    due_at = NULL,
    waits_for = NULL,
    state = 'skipped',
    state_at = $4,
    state_actor = $5,
    state_note = $3::text
WHERE load.load_id = $1
    AND load.state IN ('received', 'prepared', 'queued')
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.finished_at IS NULL
    )
