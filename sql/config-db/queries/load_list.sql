-- The newest loads that pass the filter, at most $5 of them. A filter that is NULL lets everything pass. $6 and $7 are patterns of
-- LIKE that end in %: of a name, and of a key.
SELECT
    load.load_id,
    load.parent_load_id,
    load.record_type,
    load.target_name,
    load.deliveries,
    load.bucket_name,
    load.object_key,
    load.object_version,
    load.etag,
    load.sequencer,
    load.size_bytes,
    load.file_name,
    load.state,
    load.ext_file_config_sid,
    load.rule_version,
    load.ext_interface_cid::text AS ext_interface_cid,
    load.interface_name,
    load.tgt_schema_name,
    load.tgt_table_name,
    load.captures,
    load.rows_expected,
    load.rows_loaded,
    load.rows_rejected,
    load.sources,
    load.prepared,
    load.manifest_key,
    load.plan,
    load.archived_key,
    load.statement_id,
    load.error_code,
    load.error,
    load.reject,
    load.remarks,
    load.prepare_duration_ms,
    load.queue_name,
    load.forgotten_at,
    load.superseded_by,
    load.admitted_at,
    load.read_key,
    load.replaces,
    load.replays_load_id,
    load.only_record_type,
    load.resend_policy,
    load.file_stays,
    load.buffer_id,
    load.batch_id,
    load.batch_files,
    load.batch_share,
    load.claims,
    load.deaths,
    load.handovers,
    load.due_at,
    load.waits_for,
    load.tries,
    load.failed_attempt,
    load.retry_since,
    load.retry_error,
    load.lease_owner,
    load.lease_step,
    load.lease_until,
    load.received_at,
    load.prepared_at,
    load.submitted_at,
    load.loaded_at,
    load.concluded_at,
    load.finished_at,
    load.trace_id
FROM rdscnfg.ext_file_load AS load
WHERE ($1::text IS NULL OR load.state = $1::text)
    AND ($2::integer IS NULL OR load.ext_file_config_sid = $2::integer)
    AND ($3::timestamptz IS NULL OR load.received_at >= $3::timestamptz)
    AND ($4::timestamptz IS NULL OR load.received_at < $4::timestamptz)
    AND ($6::text IS NULL OR load.file_name LIKE $6::text)
    AND ($7::text IS NULL OR load.object_key LIKE $7::text)
    AND ($8::text IS NULL OR load.bucket_name = $8::text)
    AND ($9::text IS NULL OR load.error_code = $9::text)
    -- The states are said once more for the index.
    AND ($10::boolean IS FALSE OR load.state IN ('rejected', 'failed', 'transform_failed'))
    AND (
        $10::boolean IS FALSE
        OR EXISTS (
            SELECT
            FROM rdscnfg.ext_file_load_unmended AS unmended
            WHERE unmended.load_id = load.load_id
        )
    )
ORDER BY load.received_at DESC, load.load_id DESC
LIMIT $5::bigint
