-- One attempt.
SELECT
    statement.load_id,
    statement.kind,
    statement.attempt,
    statement.statement_name,
    statement.client_token,
    statement.steps,
    statement.warehouse,
    statement.statement_id,
    statement.state,
    statement.error,
    statement.failed_step,
    statement.result_rows,
    statement.query_id,
    statement.duration_ms,
    statement.recorded_at,
    statement.refused_at,
    statement.submitted_at,
    statement.finished_at,
    statement.chain_step
FROM rdscnfg.ext_statement AS statement
WHERE statement.load_id = $1
    AND statement.kind = $2
    AND statement.attempt = $3
