-- A message about an outcome; a second one about the same outcome of the same load is not made. Only a warehouse may be paused and
-- be back more often over one load, and whoever puts that down does so once each time: the message is then another one, with a
-- number of its own, so that whoever still sends the one before cannot put this one down as sent.
INSERT INTO rdscnfg.ext_outbox AS notice (
    load_id,
    outcome,
    topic_arn,
    message,
    created_at
)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (load_id, outcome)
DO UPDATE
SET
    outbox_id = DEFAULT,
    topic_arn = excluded.topic_arn,
    message = excluded.message,
    created_at = excluded.created_at,
    attempts = 0,
    last_error = NULL,
    sender = NULL,
    send_until = NULL,
    send_after = NULL,
    sent_at = NULL,
    message_id = NULL
WHERE notice.outcome IN ('warehouse_paused', 'warehouse_resumed')
