-- A message is out; saying so again changes nothing.
UPDATE rdscnfg.ext_outbox
SET
    sent_at = $3,
    message_id = $2,
    sender = NULL,
    send_until = NULL,
    last_error = NULL
WHERE outbox_id = $1
    AND sent_at IS NULL
