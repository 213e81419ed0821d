-- A message could not be sent and is free for the next try: in a minute, and twice as long each time, up to some six
-- hours. It is never given up.
UPDATE rdscnfg.ext_outbox
SET
    last_error = $2,
    send_after = $3::timestamptz + power(2, least(attempts - 1, 8.5)) * interval '1 minute',
    sender = NULL,
    send_until = NULL
WHERE outbox_id = $1
    AND sent_at IS NULL
