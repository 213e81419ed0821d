-- The newest audit rows that pass the filter, at most $5, those of the older framework among them. A filter that is NULL
-- lets everything pass.
SELECT
    audit.ext_file_audit_sid::bigint AS ext_file_audit_sid,
    audit.ext_interface_cid::text AS ext_interface_cid,
    audit.tgt_schema_name,
    audit.tgt_table_name,
    audit.file_process_status,
    audit.file_process_date::timestamp AS file_process_date,
    audit.file_prcsd_flag,
    audit.merge_query,
    audit.error_msg,
    audit.start_time::timestamp AS start_time,
    audit.end_time::timestamp AS end_time,
    audit.escape_char,
    audit.load_id,
    audit.bucket_name,
    audit.object_key,
    audit.object_version,
    audit.archived_key,
    audit.size_bytes,
    audit.rows_expected,
    audit.rows_loaded,
    audit.rows_rejected,
    audit.statement_id,
    audit.followup_status,
    audit.followup_error,
    audit.followup_statement_id,
    audit.prepare_duration_ms,
    audit.load_duration_ms,
    audit.followup_duration_ms,
    audit.processed_at,
    audit.replays_load_id,
    audit.followup_steps
FROM rdscnfg.ext_file_audit AS audit
WHERE ($1::uuid IS NULL OR audit.load_id = $1::uuid)
    AND ($2::text IS NULL OR audit.ext_interface_cid = $2::text::numeric)
    AND ($3::timestamptz IS NULL OR audit.processed_at >= $3::timestamptz)
    AND ($4::timestamptz IS NULL OR audit.processed_at < $4::timestamptz)
ORDER BY audit.ext_file_audit_sid DESC
LIMIT $5::bigint
