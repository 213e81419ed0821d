-- A message about an outcome; a second one about the same outcome of the same load is not made.
INSERT INTO rdscnfg.ext_outbox (
    load_id,
    outcome,
    topic_arn,
    message,
    created_at
)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (load_id, outcome) DO NOTHING
