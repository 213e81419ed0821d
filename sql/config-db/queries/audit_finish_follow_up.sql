-- How the follow-up came out, beside the outcome of its load; of a batch, beside those of the loads that it carried.
UPDATE rdscnfg.ext_file_audit
SET
    followup_status = $2,
    followup_error = $3,
    followup_statement_id = $4,
    followup_duration_ms = $5,
    modified_date = $6,
    followup_steps = $7
WHERE load_id = $1
    OR load_id IN (
        SELECT carried.load_id
        FROM rdscnfg.ext_file_load AS carried
        WHERE carried.batch_id = $1
    )
