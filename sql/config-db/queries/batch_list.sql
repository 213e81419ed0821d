-- The newest batches. Each filter lets everything pass when it is NULL.
SELECT
    batch.load_id,
    batch.buffer_id,
    batch.state,
    batch.ext_file_config_sid,
    batch.tgt_schema_name,
    batch.tgt_table_name,
    batch.batch_files,
    batch.size_bytes,
    batch.rows_expected,
    batch.rows_loaded,
    batch.error_code,
    batch.error,
    batch.received_at,
    batch.finished_at
FROM rdscnfg.ext_file_load AS batch
WHERE batch.batch_files IS NOT NULL
    AND ($1::text IS NULL OR batch.state = $1::text)
    AND ($2::integer IS NULL OR batch.ext_file_config_sid = $2::integer)
    AND ($3::timestamptz IS NULL OR batch.received_at >= $3::timestamptz)
    AND ($4::timestamptz IS NULL OR batch.received_at < $4::timestamptz)
ORDER BY
    batch.received_at DESC,
    batch.load_id
LIMIT $5::bigint
