-- How the follow-up came out, beside the outcome of its load.
UPDATE rdscnfg.ext_file_audit
SET
    followup_status = $2,
    followup_error = $3,
    followup_statement_id = $4,
    followup_duration_ms = $5,
    modified_date = $6
WHERE load_id = $1
