-- The loads of one key in order of arrival, each file before its parts, with the number of messages not yet sent.
SELECT
    to_jsonb(load) || jsonb_build_object(
        'unsent', (
            SELECT count(*)
            FROM rdscnfg.ext_outbox AS message
            WHERE message.load_id = load.load_id
                AND message.sent_at IS NULL
        ),
        'messages', (
            SELECT count(*)
            FROM rdscnfg.ext_outbox AS message
            WHERE message.load_id = load.load_id
        )
    )
FROM rdscnfg.ext_file_load AS load
LEFT JOIN rdscnfg.ext_file_load AS whole
    ON whole.load_id = load.parent_load_id
WHERE coalesce(whole.object_key, load.object_key) = $1
ORDER BY coalesce(whole.received_at, load.received_at), load.parent_load_id NULLS FIRST, load.record_type,
    load.target_name
