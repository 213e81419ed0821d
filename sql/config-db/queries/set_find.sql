-- One set by its id, with or without files that wait.
SELECT
    buffer.buffer_id,
    buffer.bucket_name,
    buffer.group_name,
    buffer.group_set,
    buffer.files,
    buffer.bytes,
    buffer.first_at,
    buffer.flush_at
FROM rdscnfg.ext_load_buffer AS buffer
WHERE buffer.buffer_id = $1
    AND buffer.group_name IS NOT NULL
