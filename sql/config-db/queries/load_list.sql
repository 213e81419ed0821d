-- The newest loads that pass the filter, at most $5 of them. A filter that is NULL lets everything pass.
SELECT
    load.load_id,
    load.parent_load_id,
    load.record_type,
    load.bucket_name,
    load.object_key,
    load.object_version,
    load.etag,
    load.sequencer,
    load.size_bytes,
    load.file_name,
    load.state,
    load.ext_file_config_sid,
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
    load.admitted_at,
    load.read_key,
    load.replaces,
    load.claims,
    load.lease_owner,
    load.lease_step,
    load.lease_until,
    load.received_at,
    load.prepared_at,
    load.submitted_at,
    load.loaded_at,
    load.concluded_at,
    load.finished_at
FROM rdscnfg.ext_file_load AS load
WHERE ($1::text IS NULL OR load.state = $1::text)
    AND ($2::integer IS NULL OR load.ext_file_config_sid = $2::integer)
    AND ($3::timestamptz IS NULL OR load.received_at >= $3::timestamptz)
    AND ($4::timestamptz IS NULL OR load.received_at < $4::timestamptz)
ORDER BY load.received_at DESC, load.load_id DESC
LIMIT $5::bigint
