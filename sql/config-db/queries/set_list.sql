-- The sets that wait, the one that was not looked at for longest first. $1: only those of this group.
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
WHERE buffer.files > 0
    AND buffer.group_name IS NOT NULL
    AND ($1::text IS NULL OR buffer.group_name = lower($1::text))
ORDER BY
    buffer.looked_at NULLS FIRST,
    buffer.first_at,
    buffer.buffer_id
LIMIT $2::bigint
