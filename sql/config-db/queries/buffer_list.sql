-- The buffers in which loads wait, the one whose first load waits longest first. $1: only those of this rule.
SELECT
    buffer.buffer_id,
    buffer.bucket_name,
    buffer.ext_file_config_sid,
    buffer.tgt_schema_name,
    buffer.tgt_table_name,
    buffer.warehouse,
    buffer.recipe,
    buffer.max_files,
    buffer.max_bytes,
    buffer.max_seconds,
    buffer.one_at_a_time,
    buffer.files,
    buffer.bytes,
    buffer.first_at,
    buffer.flush_at
FROM rdscnfg.ext_load_buffer AS buffer
WHERE buffer.files > 0
    AND buffer.group_name IS NULL
    AND ($1::integer IS NULL OR buffer.ext_file_config_sid = $1::integer)
ORDER BY
    buffer.first_at,
    buffer.buffer_id
LIMIT $2::bigint
