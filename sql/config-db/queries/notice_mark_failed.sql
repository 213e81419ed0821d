-- A message could not be sent and is free for the next try.
UPDATE rdscnfg.ext_outbox
SET
    last_error = $2,
    sender = NULL,
    send_until = NULL
WHERE outbox_id = $1
    AND sent_at IS NULL
