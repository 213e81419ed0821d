-- What operators did to dead letters, the newest first, at most $1.
SELECT
    done.operation,
    done.queue_url,
    done.message_id,
    done.about,
    done.sent_to,
    done.operator,
    done.reason,
    done.at
FROM rdscnfg.ext_dead_letter_operation AS done
ORDER BY done.operation_id DESC
LIMIT $1::bigint
