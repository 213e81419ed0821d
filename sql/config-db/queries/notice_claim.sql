-- Unsent messages, oldest first, at most $2, for the sender $3 until $5. One that could not be sent waits until its next
-- try is due, unless it is asked for by its load. A sender that died and is tried again has the
-- same name and takes up what it had.
-- The race: two senders at once. Each skips the rows that the other has locked, and once the locks are gone send_until
-- keeps the claim; PostgreSQL checks it again on the newest row before it gives a lock.
WITH unsent AS (
    SELECT candidate.outbox_id
    FROM rdscnfg.ext_outbox AS candidate
    WHERE candidate.sent_at IS NULL
        AND (candidate.send_until IS NULL OR candidate.send_until <= $4 OR candidate.sender = $3)
        AND ($1::uuid IS NULL OR candidate.load_id = $1::uuid)
        AND ($1::uuid IS NOT NULL OR candidate.send_after IS NULL OR candidate.send_after <= $4)
    ORDER BY coalesce(candidate.send_after, candidate.created_at), candidate.outbox_id
    LIMIT $2::bigint
    FOR UPDATE SKIP LOCKED
),
claimed AS (
    UPDATE rdscnfg.ext_outbox AS notice
    SET
        attempts = notice.attempts + 1,
        sender = $3,
        send_until = $5
    FROM unsent
    WHERE notice.outbox_id = unsent.outbox_id
    RETURNING
        notice.outbox_id,
        notice.load_id,
        notice.outcome,
        notice.topic_arn,
        notice.message,
        notice.created_at,
        notice.attempts,
        notice.last_error,
        notice.sent_at,
        notice.message_id
)
SELECT
    claimed.outbox_id,
    claimed.load_id,
    claimed.outcome,
    claimed.topic_arn,
    claimed.message,
    claimed.created_at,
    claimed.attempts,
    claimed.last_error,
    claimed.sent_at,
    claimed.message_id,
    load.trace_id
FROM claimed
LEFT JOIN rdscnfg.ext_file_load AS load
    ON claimed.load_id = load.load_id
ORDER BY claimed.outbox_id
