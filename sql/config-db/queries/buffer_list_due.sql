-- The buffers that have reached one of their limits or are to be emptied, and of which a batch may be made now: where one
-- batch of a table is under way at a time, none is. $2: only this buffer.
SELECT buffer.buffer_id
FROM rdscnfg.ext_load_buffer AS buffer
WHERE buffer.files > 0
    AND buffer.group_name IS NULL
    AND (
        buffer.files >= buffer.max_files
        OR buffer.bytes >= buffer.max_bytes
        OR buffer.first_at + make_interval(secs => buffer.max_seconds) <= $1
        OR buffer.flush_at <= $1
    )
    AND ($2::uuid IS NULL OR buffer.buffer_id = $2::uuid)
    AND NOT (
        buffer.one_at_a_time
        AND EXISTS (
            SELECT
            FROM rdscnfg.ext_file_load AS batch
            INNER JOIN rdscnfg.ext_load_buffer AS other
                ON other.buffer_id = batch.buffer_id
            WHERE batch.batch_files IS NOT NULL
                AND batch.finished_at IS NULL
                AND other.one_at_a_time
                AND other.warehouse = buffer.warehouse
                AND lower(other.tgt_schema_name) = lower(buffer.tgt_schema_name)
                AND lower(other.tgt_table_name) = lower(buffer.tgt_table_name)
        )
    )
ORDER BY
    buffer.first_at,
    buffer.buffer_id
LIMIT $3::bigint
