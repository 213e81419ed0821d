-- Topics with messages that could not be sent: how many, since when, and why the newest try failed.
SELECT
    notice.topic_arn,
    count(*) AS messages,
    min(notice.created_at) AS since,
    min(notice.send_after) AS next_try,
    (array_agg(notice.last_error ORDER BY notice.send_after DESC))[1] AS last_error
FROM rdscnfg.ext_outbox AS notice
WHERE notice.sent_at IS NULL
    AND notice.last_error IS NOT NULL
GROUP BY notice.topic_arn
ORDER BY notice.topic_arn
LIMIT $1::bigint
