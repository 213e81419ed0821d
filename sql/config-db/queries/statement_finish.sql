-- How an attempt ended, once: the first end stays.
UPDATE rdscnfg.ext_statement
SET
    statement_id = coalesce(statement_id, $4),
    state = $5,
    error = $6,
    failed_step = $7,
    result_rows = $8,
    query_id = $9,
    duration_ms = $10,
    finished_at = $11
WHERE load_id = $1
    AND kind = $2
    AND attempt = $3
    AND finished_at IS NULL
