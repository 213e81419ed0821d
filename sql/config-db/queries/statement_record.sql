-- An attempt goes on record before the call; recording it again changes nothing.
INSERT INTO rdscnfg.ext_statement (
    load_id,
    kind,
    attempt,
    statement_name,
    client_token,
    steps,
    warehouse,
    recorded_at,
    chain_step
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (load_id, kind, attempt) DO NOTHING
