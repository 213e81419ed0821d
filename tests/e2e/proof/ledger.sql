-- Every load with what hangs on it (a part is of a record type or for a warehouse): its audit rows, what is to be told, and how much of that is not yet sent.
SELECT
    jsonb_build_object(
        'id', load.load_id,
        'parent', load.parent_load_id,
        'part', coalesce(load.record_type, load.target_name),
        'key', load.object_key,
        'etag', load.etag,
        'state', load.state,
        'error', load.error,
        'archived_key', load.archived_key,
        'is_finished', load.finished_at IS NOT NULL,
        'lease', load.lease_owner,
        'audit', (
            SELECT coalesce(jsonb_agg(audit.file_process_status ORDER BY audit.ext_file_audit_sid), '[]')
            FROM rdscnfg.ext_file_audit AS audit
            WHERE audit.load_id = load.load_id
        ),
        'told', (
            SELECT coalesce(jsonb_agg(message.outcome ORDER BY message.outcome), '[]')
            FROM rdscnfg.ext_outbox AS message
            WHERE message.load_id = load.load_id
        ),
        'unsent', (
            SELECT count(*)
            FROM rdscnfg.ext_outbox AS message
            WHERE message.load_id = load.load_id
                AND message.sent_at IS NULL
        )
    )
FROM rdscnfg.ext_file_load AS load
ORDER BY load.received_at, load.parent_load_id NULLS FIRST, load.record_type
