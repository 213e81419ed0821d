-- The messages about a load, sent or not, at most $2.
SELECT
    notice.outbox_id,
    notice.load_id,
    notice.outcome,
    notice.topic_arn,
    notice.message,
    notice.created_at,
    notice.attempts,
    notice.last_error,
    notice.sent_at,
    notice.message_id,
    load.trace_id
FROM rdscnfg.ext_outbox AS notice
INNER JOIN rdscnfg.ext_file_load AS load
    ON notice.load_id = load.load_id
WHERE notice.load_id = $1
ORDER BY notice.outbox_id
LIMIT $2::bigint
